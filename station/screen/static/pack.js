// The packing table: what is chosen, what is open, what was scanned; buttons are scans of the same codes.
import { begin, find, onAnswer, rows, say, scan, self, write } from "./frame.js";
import "./forms.js";

const SHOWN = 12; // so many of the last scans
const told = [];

function button(text, code) {
  const made = document.createElement("button");
  made.type = "button";
  made.textContent = text;
  made.addEventListener("click", () => scan(code));
  return made;
}

function showChosen(chosen) {
  const card = find(".chosen");
  write(find("[data-field=name]", card), chosen === null ? say("NothingChosen") : chosen.name);
  const counts = chosen !== null && chosen.inside !== null;
  write(find("[data-field=count]", card), counts ? `${chosen.inside} / ${chosen.capacity}` : "");
  write(find("[data-field=order]", card), chosen?.order ?? "");
  find("meter", card).hidden = !counts;
  if (counts) { find("meter", card).max = chosen.capacity; find("meter", card).value = chosen.inside; }
  card.toggleAttribute("data-nothing", chosen === null);
}

const state = (box) => (box.reason ? `${say(`Box${box.state}`)}: ${box.reason}` : say(`Box${box.state}`));

let asked = 0;
async function refresh() {
  const number = (asked += 1);
  try {
    const reply = await fetch(`/pack/now?page=${self}`, { signal: AbortSignal.timeout(20000) });
    if (!reply.ok || number !== asked) return; // the veil says so; or a newer one is under way
    const now = await reply.json();
    showChosen(now.chosen);
    rows(find("#cartons"), now.cartons.map((each) => [
      button(each.carton, each.carton), each.order, `${each.hubs} / ${each.capacity}`, state(each), each.contents ?? "–", each.pallet ?? "–",
    ]));
    rows(find("#pallets"), now.pallets.map((each) => [
      button(each.pallet, each.pallet), each.order, `${each.cartons} / ${each.capacity}`, state(each),
    ]));
  } catch { /* the veil says so */ }
}

onAnswer((said) => {
  told.unshift([new Date().toLocaleTimeString("en-GB"), say(`Kind${said.kind}`), said.line]);
  told.length = Math.min(told.length, SHOWN);
  rows(find("#told"), told);
  showChosen(said.chosen);
  if (said.hub) {
    const field = find("#decide [name=id]");
    field.value = said.hub;
    field.dispatchEvent(new Event("input", { bubbles: true })); // another hub is another decision
  }
  if (said.code === "supervisor") {
    find("#supervised").open = true;
    find("#decide [name=by]").focus();
  }
  refresh();
});
for (const each of document.querySelectorAll("[data-scan]")) each.addEventListener("click", () => scan(each.dataset.scan));
window.addEventListener("focus", refresh);
setInterval(refresh, 10000); // others pack, too, and nothing tells of it
refresh();
