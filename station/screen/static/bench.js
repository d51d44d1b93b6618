// The bench view: writes what the server says into the page, and counts down.
import { ahead, begin, begun, clock, find, reload, say, write } from "./frame.js";
import { play } from "./sounds.js";

const page = document.body;
const parts = new Map([...document.querySelectorAll("[data-part]")].map((each) => [each.dataset.part, each]));
const due = new Map();
const PERSON = new Set(["call", "stop", "find"]);

function show(element, content) {
  for (const field of element.querySelectorAll("[data-field]")) {
    if (field.closest("[data-part]") === element) write(field, content[field.dataset.field] ?? "");
  }
}

function word(element, text) {
  const field = find(".word", element);
  write(field, text);
  field.dataset.letters = text.length;
}

function showTile(element, tile) {
  const before = element.dataset.todo;
  show(element, tile);
  element.dataset.todo = tile.todo;
  find("use", element).setAttribute("href", `#${tile.todo}`);
  const letters = tile.do.length + tile.what.length;
  find(".line", element).dataset.long = letters > 110 ? "most" : letters > 70 ? "very" : letters > 40 ? "some" : "";
  element.toggleAttribute("data-percent", tile.percent !== null);
  find("progress", element).value = tile.percent ?? 0;
  write(find(".recorded", element), tile.recorded === null ? "" : clock(new Date(tile.recorded)));
  element.dataset.word = tile.word;
  if (tile.due === null) due.delete(element); else due.set(element, tile.due);
  countDown(element);
  if (!begun || before === tile.todo || before === "") return;
  if (PERSON.has(tile.todo)) play("person");
  else if (before === "wait" && isDone(element.closest(".jig"))) play("done");
}

const isDone = (jig) => ![...jig.querySelectorAll(".tile")].some((tile) => tile.dataset.todo === "wait");

function countDown(element) {
  const left = due.has(element) ? Math.floor(due.get(element) - Date.now() / 1000 - ahead) : 0;
  const time = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
  word(element, left >= 1 ? time : element.dataset.word ?? "");
}

begin((name, content) => {
  const element = parts.get(name);
  if (name === "layout") { if (content !== page.dataset.layout) reload(); }
  else if (name === "bench") {
    const { first, people } = content;
    show(element, { ...content, ...first, where: first.where || say("Nothing"), people: people || say("Nobody") });
    find(".next", element).dataset.todo = first.todo;
  }
  else if (name.startsWith("tile ")) { if (element) showTile(element, content); }
  else if (element) show(element, content);
});
setInterval(() => due.forEach((_, element) => countDown(element)), 250);
