// Forms that ask for something: once each, as whoever fills them in saw it; the answer is shown, the page loaded anew.
import { answer, answerOver, find, post, say } from "./page.js";

function content(form) {
  const fields = {};
  for (const field of form.querySelectorAll("[name]")) {
    const { name, value, dataset } = field;
    if (field.disabled || field.closest("[data-proof]")) continue;
    if (field.type === "checkbox" && dataset.list === undefined) fields[name] = field.checked;
    else if (dataset.list !== undefined) {
      fields[name] ??= [];
      if (field.checked) fields[name].push(dataset.json === undefined ? value : JSON.parse(value));
    }
    else if (dataset.json !== undefined) fields[name] = JSON.parse(value);
    else if (field instanceof HTMLSelectElement && field.selectedOptions[0]?.dataset.expected !== undefined) {
      fields[name] = value === "" && dataset.nothingIsNull !== undefined ? null : value;
      fields.expected = JSON.parse(field.selectedOptions[0].dataset.expected);
    }
    else if (value === "" && dataset.optional !== undefined) continue;
    else if (field.type === "number") fields[name] = Number(value);
    else fields[name] = value;
  }
  // One choice may stand for several fields: a slot, and why it was seen to be out of use.
  for (const choice of form.querySelectorAll("select[data-fields]")) Object.assign(fields, JSON.parse(choice.value));
  return fields;
}

/** Name and PIN prove who asks; they go beside the request (RFC 7617). */
export function proof(form) {
  const by = form.querySelector("[data-proof] [name=by]")?.value.trim();
  const pin = form.querySelector("[data-proof] [name=pin]")?.value;
  if (!by || !pin) return {};
  return { Authorization: `Basic ${btoa(String.fromCharCode(...new TextEncoder().encode(`${by}:${pin}`)))}` };
}

/** Ask; the same press of a button, sent again, is the same command: its key is the form's until it was answered. */
async function ask(form, button) {
  form.dataset.key ??= crypto.randomUUID();
  button.disabled = true;
  answer("asked", say("Asked"));
  try {
    const asked = { with: content(form), key: form.dataset.key };
    const reply = await post(`/do/${form.dataset.request}`, asked, proof(form));
    const told = await reply.json();
    const unknown = !reply.ok && told.type.endsWith(":unknown");
    if (!unknown) delete form.dataset.key; // it may have been done: pressed again, it is the same command
    if (reply.ok) {
      const open = (told.open ?? []).map((each) => each.line);
      answerOver("taken", [told.line ?? say("Done"), ...open].join(" · "));
      location.reload();
      return;
    }
    answer(unknown || told.type.endsWith(":failed") ? "person" : "refused", told.detail);
  } catch {
    answer("person", say("UnsureAsked")); // pressed again, it is the same command
  }
  forgetPin(form);
  button.disabled = false;
}

/** What proves one request proves no other. */
export function forgetPin(form) {
  const pin = form.querySelector("[name=pin]");
  if (pin) pin.value = "";
}

for (const form of document.querySelectorAll("form[data-request]:not([data-file])")) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    ask(form, find("button[type=submit]", form));
  });
  form.addEventListener("input", () => { delete form.dataset.key; });
}
for (const form of document.querySelectorAll("form[data-go]")) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    location.assign(`${form.dataset.go}?${new URLSearchParams(new FormData(form))}`);
  });
}
