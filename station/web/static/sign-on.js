// Signing on: by the badge that is scanned, or by name and PIN. What proves it stays in the form, and leaves it with the request.
const find = (selector) => document.querySelector(selector);
const shown = find(".answer");

async function sign(proof, again) {
  shown.dataset.kind = "asked";
  shown.textContent = document.body.dataset.sayAsked;
  try {
    const reply = await fetch("/session", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(proof),
      signal: AbortSignal.timeout(20000),
    });
    if (reply.ok) { location.assign("/"); return; }
    shown.textContent = (await reply.json()).detail;
  } catch {
    shown.textContent = document.body.dataset.sayAway;
  }
  shown.dataset.kind = "refused";
  again.focus();
}

const submitted = (form, act) => find(form)?.addEventListener("submit", (event) => { event.preventDefault(); act(); });
const taken = (field) => { const { value } = field; field.value = ""; return value; };

submitted("#by-badge", () => {
  const badge = taken(find("#badge"));
  if (badge.trim()) sign({ badge }, find("#badge"));
});
submitted("#by-pin", () => {
  const name = find("#name").value.trim();
  if (!name) { find("#name").focus(); return; }
  const pin = taken(find("#pin")).trim();
  if (!pin) { find("#pin").focus(); return; }
  sign({ name, pin }, find("#pin"));
});
