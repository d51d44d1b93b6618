// The bench view: writes what the server says into the page, counts down, and takes scans.
import { follow } from "./stream.js";
import { isMuted, mute, play } from "./sounds.js";

const page = document.body;
const say = (what) => page.dataset[`say${what}`];
const find = (selector, within = document) => within.querySelector(selector);
const parts = new Map([...document.querySelectorAll("[data-part]")].map((each) => [each.dataset.part, each]));
const due = new Map();
const PERSON = new Set(["call", "stop", "find"]);
let ahead = 0; // of the server's clock before this one, in seconds
let begun = false; // whether the first picture is complete: what stood before makes no sound

const write = (element, text) => { if (element.textContent !== text) element.textContent = text; };
const clock = (when) => when.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });

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
  find(".line", element).dataset.long = letters > 70 ? "very" : letters > 40 ? "some" : "";
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

// What stands over the bench: this page stands still, or the station does not answer.
const veil = find(".veil");
let still = null;
let away = null;
function lower() {
  const [title, why] = still !== null
    ? [say("Still"), `${say("Since")} ${still.toLocaleTimeString("en-GB")}`]
    : [say("Away"), away ?? ""];
  veil.hidden = still === null && away === null;
  write(find(".still", veil), veil.hidden ? "" : title);
  write(find(".why", veil), veil.hidden ? "" : why);
}

follow({
  onHello(version) {
    if (version !== page.dataset.version) location.reload(); // what is typed is kept, see below
  },
  onPart(name, content) {
    const element = parts.get(name);
    if (name === "layout") { if (content !== page.dataset.layout) location.reload(); }
    else if (name === "beat") { ahead = content - Date.now() / 1000; begun = true; }
    else if (name === "daemon") { away = content.away; lower(); }
    else if (name.startsWith("scan ")) answer(content.refused ? "refused" : "taken", content.line, begun);
    else if (name === "bench") {
      const { first, people } = content;
      show(element, { ...content, ...first, where: first.where || say("Nothing"), people: people || say("Nobody") });
      find(".next", element).dataset.todo = first.todo;
    }
    else if (name.startsWith("tile ")) { if (element) showTile(element, content); }
    else if (element) show(element, content);
  },
  onStill(since) { still = since; lower(); },
});

// Scans: what is typed is kept over a reload, and each line is answered before the next is sent.
const box = find("#scan");
const shown = find(".answer");
const self = sessionStorage.getItem("page") ?? crypto.randomUUID();
sessionStorage.setItem("page", self);
box.value = sessionStorage.getItem("typed") ?? "";
box.addEventListener("input", () => sessionStorage.setItem("typed", box.value));
let sending = Promise.resolve();

function answer(kind, line, sounds = true) {
  shown.dataset.kind = kind;
  write(shown, line);
  if (sounds && kind in { taken: 1, refused: 1, person: 1 }) play(kind);
}

async function send(text) {
  shown.dataset.kind = "asked";
  write(shown, say("Asked"));
  try {
    const reply = await fetch("/scan", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ page: self, text }),
      signal: AbortSignal.timeout(10000),
    });
    if (!reply.ok) throw new Error(reply.status);
    const { kind, line } = await reply.json();
    answer(kind, line);
  } catch {
    answer("person", `${text.slice(0, 30)}: ${say("Unsure")}`); // it may have been taken: nobody is told either way
  }
}

find("form").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = box.value;
  box.value = "";
  sessionStorage.removeItem("typed");
  if (text.trim()) sending = sending.then(() => send(text));
});

// The box has the focus whenever something is typed; Tab and the buttons' own keys stay with the buttons.
const ofButtons = new Set(["Tab", "Enter", " "]);
document.addEventListener("keydown", (event) => {
  const onButton = document.activeElement instanceof HTMLButtonElement && ofButtons.has(event.key);
  if (!onButton && !event.ctrlKey && !event.altKey && !event.metaKey && event.key !== "Tab") box.focus();
});
document.addEventListener("click", () => box.focus());
window.addEventListener("focus", () => box.focus());
box.focus();

const sound = find(".sound");
const theme = find(".theme");
const THEMES = ["auto", "light", "dark", "contrast"];
function chosen() {
  const now = localStorage.getItem("theme") ?? "auto";
  if (now === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = now;
  write(theme, say(`Theme${now[0].toUpperCase()}${now.slice(1)}`));
  write(sound, say(isMuted() ? "SoundOff" : "SoundOn"));
}
theme.addEventListener("click", () => {
  const now = localStorage.getItem("theme") ?? "auto";
  localStorage.setItem("theme", THEMES[(THEMES.indexOf(now) + 1) % THEMES.length]);
  chosen();
});
sound.addEventListener("click", () => { mute(!isMuted()); chosen(); });
chosen();

setInterval(() => {
  due.forEach((_, element) => countDown(element));
  write(find(".clock"), clock(new Date()));
}, 250);
write(find(".clock"), clock(new Date()));
