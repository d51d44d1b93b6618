// The inventory's pages: forms that ask for one act each (asking.js), and signing off.
import "./asking.js";
import { answer, find } from "./page.js";

find(".sign-off").addEventListener("click", async () => {
  try {
    await fetch("/session", { method: "DELETE", signal: AbortSignal.timeout(20000) });
    location.assign("/sign-on");
  } catch {
    answer("person", "the inventory does not answer: you may still be signed on");
  }
});
