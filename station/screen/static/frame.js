// What every page has: whether it is still true, scans and their answers, sounds, colours.
import { follow } from "./stream.js";
import { answer, answerOver, find, onShown, post, say, write } from "./page.js";
import { isMuted, mute, play } from "./sounds.js";
export { answer, answerOver, find, post, say, write };

const page = document.body;
export const clock = (when) => when.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
/** How far the server's clock is before this one, in seconds. */
export let ahead = 0;
/** Whether the first picture is complete: what stood before makes no sound. */
export let begun = false;

/** Replace a table's rows: each is a list of texts, or of elements. Nothing becomes markup. */
export function rows(body, lines) {
  body.replaceChildren(...lines.map((line) => {
    const row = document.createElement("tr");
    row.append(...line.map((each) => {
      const cell = document.createElement("td");
      cell.append(each);
      return cell;
    }));
    return row;
  }));
}

// What stands over the page: it stands still, or the station does not answer. What had stood still is true again only once the
// server has said that the station is there.
const veil = find(".veil");
let still = null;
let away = page.dataset.retry === undefined ? null : ""; // this page could not be filled: it is as if it had been away
function lower() {
  const [title, why] = still !== null
    ? [say("Still"), `${say("Since")} ${still.toLocaleTimeString("en-GB")}`]
    : [say("Away"), away ?? ""];
  veil.hidden = still === null && away === null;
  write(find(".still", veil), veil.hidden ? "" : title);
  write(find(".why", veil), veil.hidden ? "" : why);
  settle();
}

/** A page is busy until all that it shows is what is known now. */
function settle() {
  find("main").setAttribute("aria-busy", !begun || !veil.hidden || leaving);
}

let leaving = false;
/** Load the page anew; what was answered last is shown there, too. */
export function reload() {
  leaving = true;
  location.reload();
}

/** Follow the bench: `onPart(name, content)` hears of what this file does not show itself, `onBack()` that all is true again. */
export function begin(onPart = () => {}, onBack = () => {}) {
  follow({
    onHello(version) {
      if (version !== page.dataset.version) reload(); // what is typed is kept, see below
      if (still !== null) away ??= "";
    },
    onPart(name, content) {
      if (name === "beat") { ahead = content - Date.now() / 1000; begun = true; settle(); }
      if (name === "daemon") {
        const back = away !== null && content.away === null;
        away = content.away;
        if (back) onBack();
        lower();
      }
      else if (name.startsWith("scan ")) ofScannerAt(content);
      else onPart(name, content);
    },
    onStill(since) { still = since; lower(); },
  });
}

// Scans: what is typed is kept over a reload, and each line is answered before the next is sent.
const box = find("#scan");
const shown = find(".answer");
export const self = sessionStorage.getItem("page") ?? crypto.randomUUID();
sessionStorage.setItem("page", self);
box.value = (sessionStorage.getItem("typed") ?? "") + box.value; // somebody may have typed before this was loaded
const keep = () => sessionStorage.setItem("typed", box.value);
box.addEventListener("input", keep);
keep();
let sending = Promise.resolve();
let underWay = null;
const heard = [];
/** Have a function told of each answer to a scan from this page. */
export const onAnswer = (listener) => heard.push(listener);

onShown((kind, news) => { if (news && kind in { taken: 1, refused: 1, person: 1, done: 1 }) play(kind); });

/** What was answered to a jig's own scanner is of the bench; what stands there when the page is loaded was before. */
function ofScannerAt({ refused, line }) {
  if (page.dataset.view === "bench" && (begun || shown.textContent === "")) answer(refused ? "refused" : "taken", line, begun);
}

const SHOWABLE = /^(?:(?:CHF|GPF)[ :=]+)?(?:[0-9A-F]{2}[:-]?){7}[0-9A-F]{2}$|^[\w-]{1,12}\/[1-8]$/i;
async function send(text) {
  shown.dataset.kind = "asked";
  write(shown, say("Asked"));
  underWay = text;
  try {
    const reply = await post("/scan", { page: self, view: page.dataset.view, text });
    if (!reply.ok) throw new Error(reply.status);
    const said = await reply.json();
    answer(said.kind, said.line);
    if (said.go) { answerOver(said.kind, said.line); location.assign(said.go); }
    heard.forEach((listener) => listener(said));
  } catch {
    answer("person", unsure(text));
  }
  underWay = null;
}

/** It may have been taken: nobody is told either way. Of what may be a badge nothing is shown. */
const unsure = (text) => (SHOWABLE.test(text.trim()) ? `${text.trim()}: ${say("Unsure")}` : say("Unsure"));

window.addEventListener("pagehide", () => {
  if (underWay !== null) answerOver("person", unsure(underWay));
  else if (leaving && shown.textContent !== "") answerOver(shown.dataset.kind, shown.textContent);
});

export function scan(text) {
  if (text.trim()) sending = sending.then(() => send(text));
}

find("footer form").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = box.value;
  box.value = "";
  sessionStorage.removeItem("typed");
  scan(text);
});

// The box has the focus whenever something is typed, but where a person fills in a form. A scanner types there, too, faster
// than anybody: what it typed is taken out of the field again, and is a scan.
const FAST_MILLISECONDS = 50;
const FIELDS = "main input:not([type=checkbox], [type=file]), main textarea, main select";
let burst = { field: null, before: "", last: 0, keys: 0 };
function ofScanner(event, field) {
  const now = event.timeStamp;
  if (field !== burst.field || now - burst.last > FAST_MILLISECONDS) burst = { field, before: field.value, last: now, keys: 0 };
  burst.last = now;
  if (event.key.length === 1) burst.keys += 1;
  if (event.key !== "Enter" || burst.keys < 4 || field.value.length - burst.before.length < 4) return false;
  const typed = field.value.slice(burst.before.length);
  field.value = burst.before;
  scan(typed);
  return true;
}

const ofButtons = new Set(["Tab", "Enter", " ", "ArrowUp", "ArrowDown", "Escape", "Home", "End", "PageUp", "PageDown"]);
document.addEventListener("keydown", (event) => {
  const at = document.activeElement;
  if (at instanceof HTMLElement && at.matches(FIELDS)) {
    // Enter ends a scan and no form that changes something: that is what its button is for.
    if (ofScanner(event, at) || (event.key === "Enter" && at.form?.dataset.request !== undefined)) event.preventDefault();
    return;
  }
  const onButton = at !== null && at !== box && at.matches("button, a, summary, input, select") && ofButtons.has(event.key);
  if (!onButton && !event.ctrlKey && !event.altKey && !event.metaKey && event.key !== "Tab" && event.key !== "Escape") box.focus({ preventScroll: true });
});
document.addEventListener("click", (event) => {
  if (!(event.target instanceof Element && event.target.closest("main input, main textarea, main select, main label, a, summary"))) box.focus({ preventScroll: true });
});
window.addEventListener("focus", () => {
  if (!document.activeElement?.matches(FIELDS)) box.focus({ preventScroll: true });
});
box.focus({ preventScroll: true });

const sound = find(".sound");
const showSound = () => write(sound, say(isMuted() ? "SoundOff" : "SoundOn"));
sound.addEventListener("click", () => { mute(!isMuted()); showSound(); });
showSound();

const showClock = () => write(find(".clock"), clock(new Date()));
setInterval(showClock, 250);
showClock();
