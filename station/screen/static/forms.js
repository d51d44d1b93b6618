// Views with forms: what they ask is asked as everywhere (asking.js); what is loaded here is loaded anew when the station is back.
import "./asking.js";
import { begin, find, reload, scan } from "./frame.js";

// What is looked for is read as a scan is: it may be a badge, which stands in no address.
for (const form of document.querySelectorAll("form[role=search]")) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    scan(find("[name=find]", form).value);
  });
}

find("[data-print]")?.addEventListener("click", () => print());

// What was loaded before the station was away is loaded anew, unless somebody has begun to fill in a form.
let touched = false;
find("main").addEventListener("input", () => { touched = true; });
begin(() => {}, () => { if (!touched) reload(); });
