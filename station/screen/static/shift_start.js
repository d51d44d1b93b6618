// The check list by scan alone: each "done" ticks the next item, "undo" the last one off; the last one signs the list.
import { answer, find, onAnswer, say } from "./frame.js";
import "./forms.js";

const form = find("#list");
/** As if somebody had: the form is no longer as it was loaded. */
function tick(item, checked) {
  item.checked = checked;
  item.dispatchEvent(new Event("input", { bubbles: true }));
}
onAnswer(({ code }) => {
  if (form === null || (code !== "done" && code !== "undo")) return;
  const items = [...form.querySelectorAll("[name=items]")];
  const next = items.find((item) => !item.checked);
  if (code === "undo") { const last = items.findLast((item) => item.checked); if (last) tick(last, false); }
  else if (next) tick(next, true);
  const left = items.find((item) => !item.checked);
  if (left) answer("taken", say("NextItem").replace("{item}", left.value), false);
  else if (code === "done") {
    answer("taken", say("AllSeen"), false);
    form.requestSubmit();
  }
});
