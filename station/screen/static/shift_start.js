// The check list by scan alone: each "done" ticks the next item, "undo" the last one off; the last one signs the list.
import { answer, find, onAnswer, say } from "./frame.js";
import "./forms.js";

const form = find("#list");
onAnswer(({ code }) => {
  if (form === null || (code !== "done" && code !== "undo")) return;
  const items = [...form.querySelectorAll("[name=items]")];
  const next = items.find((item) => !item.checked);
  if (code === "undo") items.filter((item) => item.checked).forEach((item, at, all) => { if (at === all.length - 1) item.checked = false; });
  else if (next) next.checked = true;
  const left = items.find((item) => !item.checked);
  if (left) answer("taken", say("NextItem").replace("{item}", left.value), false);
  else if (code === "done") {
    answer("taken", say("AllSeen"), false);
    form.requestSubmit();
  }
});
