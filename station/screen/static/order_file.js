// An order's file goes to the API as it is. What a new one would change is shown first; what is signed for then is what was shown.
import { answer, answerOver, find, say, write } from "./page.js";
import { forgetPin, proof } from "./asking.js";
import "./forms.js";

const BYTES_A_SECOND = 24000; // as the desk reckons, see ImportOrder
const withValues = (line, values) => line.replace(/\{(\w+)\}/g, (_, name) => values[name]);

const items = (lines) => lines.map((line) => Object.assign(document.createElement("li"), { textContent: line }));

/** Send a file; return what was answered, or null where it was not: the page says why. */
async function send(form, path, file, fields) {
  const problems = find(".problems", form);
  problems.replaceChildren();
  answer("asked", say("Asked"));
  form.dataset.key ??= crypto.randomUUID();
  try {
    const reply = await fetch(`/api/v1/orders/${path}?${new URLSearchParams({ source: file.name, ...fields })}`, {
      method: "POST",
      headers: { "Content-Type": "text/csv", "Idempotency-Key": form.dataset.key, ...proof(form) },
      body: file.content,
      signal: AbortSignal.timeout(70000 + 1000 * file.content.byteLength / BYTES_A_SECOND),
    });
    const told = await reply.json();
    const unknown = !reply.ok && told.type.endsWith(":unknown");
    if (!unknown) delete form.dataset.key; // it may have been done: pressed again, it is the same command
    if (reply.ok) return told;
    answer(unknown || told.type.endsWith(":failed") ? "person" : "refused", told.detail);
    problems.replaceChildren(...items(told.facts?.problems ?? []));
  } catch {
    answer("person", say("UnsureAsked"));
  } finally {
    forgetPin(form);
  }
  return null;
}

/** What is filled in beside the file, and beside what proves who asks. */
function given(form) {
  const fields = [...form.querySelectorAll("[name]")].filter((field) => !field.closest("[data-proof]") && field.value.trim() !== "");
  return Object.fromEntries(fields.map(({ name, value }) => [name, value.trim()]));
}

/** Read the file that was chosen, so that what is sent later is what was there now. */
async function chosen(form) {
  const [file] = find("[type=file]", form).files;
  try {
    return { name: file.name, content: await file.arrayBuffer() };
  } catch { // it was taken away, or is written to
    answer("refused", say("FileGone"));
    return null;
  }
}

/** One press at a time. */
async function pressed(form, act) {
  const buttons = [...form.querySelectorAll("button")];
  buttons.forEach((button) => { button.disabled = true; });
  await act();
  buttons.forEach((button) => { button.disabled = false; });
}

function done(told, line) {
  const held = (told.held ?? []).map((carton) => withValues(say("CartonHeld"), { carton }));
  answerOver(held.length ? "person" : "taken", [line, ...held].join(" · "));
  location.assign(`/orders/show?${new URLSearchParams({ order: told.order })}`);
}

const taking = find("form[data-request=import_order]");
taking?.addEventListener("submit", (event) => {
  event.preventDefault();
  pressed(taking, async () => {
    const file = await chosen(taking);
    const told = file && await send(taking, "import", file, given(taking));
    if (told) done(told, withValues(say(told.new ? "OrderTaken" : "OrderTakenBefore"), told));
  });
});

const revising = find("form[data-request=revise_order]");
if (revising !== null) {
  const number = revising.dataset.order;
  const difference = find(".difference", revising);
  const amend = find("button[type=submit]", revising);
  const WHAT = ["added", "withdrawn", "changed"];
  let shown = null;

  function show(file, told) {
    const isSame = WHAT.every((what) => told[what].length === 0);
    const line = withValues(say(isSame ? "SameFile" : "WouldChange"), told);
    answer("taken", line);
    write(find("p", difference), line);
    for (const what of WHAT) {
      const part = find(`[data-what=${what}]`, difference);
      part.hidden = told[what].length === 0;
      write(find("span", part), String(told[what].length));
      find("ul", part).replaceChildren(...items(told[what]));
    }
    shown = isSame ? null : { file, amends: told.amends };
    difference.hidden = false;
  }

  function hide() {
    shown = null;
    difference.hidden = true;
    amend.disabled = true;
  }

  find("[type=file]", revising).addEventListener("change", hide);
  find(".compare", revising).addEventListener("click", async () => {
    if (!find("[type=file]", revising).reportValidity()) return;
    hide();
    await pressed(revising, async () => {
      const file = await chosen(revising);
      const told = file && await send(revising, "compare", file, { number });
      if (told) show(file, told);
    });
    amend.disabled = shown === null;
  });
  revising.addEventListener("submit", (event) => {
    event.preventDefault();
    if (shown === null) return;
    const { file, amends } = shown;
    pressed(revising, async () => {
      const told = await send(revising, "revise", file, { number, amends, ...given(revising) });
      if (told) done(told, withValues(say("OrderAmended"), told));
    });
  });
}
for (const form of [taking, revising]) form?.addEventListener("input", () => { delete form.dataset.key; });
