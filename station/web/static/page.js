// What every page has: how it says things, asks for something, and looks.
const page = document.body;
export const say = (what) => page.dataset[`say${what}`];
export const find = (selector, within = document) => within.querySelector(selector);
export const write = (element, text) => { if (element.textContent !== text) element.textContent = text; };

const shown = find(".answer");
const heard = [];
/** Have a function told of each answer, and whether it is news. */
export const onShown = (listener) => heard.push(listener);

export function answer(kind, line, news = true) {
  shown.dataset.kind = kind;
  write(shown, line);
  heard.forEach((listener) => listener(kind, news));
}

/** Show an answer, and again after the page was loaded anew. */
export function answerOver(kind, line) {
  sessionStorage.setItem("answer", JSON.stringify({ kind, line }));
}
const over = sessionStorage.getItem("answer");
if (over !== null) {
  sessionStorage.removeItem("answer");
  const { kind, line } = JSON.parse(over);
  answer(kind, line, false);
}

export async function post(path, content, headers = {}) {
  return fetch(path, {
    method: "POST",
    headers: { "Content-Type": "application/json", ...headers },
    body: JSON.stringify(content),
    signal: AbortSignal.timeout(70000), // whoever answers gives up after 60 s
  });
}

const theme = find(".theme");
const THEMES = ["auto", "light", "dark", "contrast"];
function chosen() {
  const now = localStorage.getItem("theme") ?? "auto";
  if (now === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = now;
  write(theme, say(`Theme${now[0].toUpperCase()}${now.slice(1)}`));
}
theme.addEventListener("click", () => {
  const now = localStorage.getItem("theme") ?? "auto";
  localStorage.setItem("theme", THEMES[(THEMES.indexOf(now) + 1) % THEMES.length]);
  chosen();
});
chosen();
