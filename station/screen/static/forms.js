// Views with forms: what they ask is asked as everywhere (asking.js); what is loaded here is loaded anew when the station is back.
import "./asking.js";
import { begin, find } from "./frame.js";

// What was loaded before the station was away is loaded anew, unless somebody has begun to fill in a form.
let touched = false;
find("main").addEventListener("input", () => { touched = true; });
begin(() => {}, () => { if (!touched) location.reload(); });
