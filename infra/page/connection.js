/** Says that the server does not answer, and takes it back when it does. */

import { announce } from "./announcements.js";
import { byId } from "./elements.js";
import { onContact } from "./request.js";

const MISSED_BEFORE_TOLD = 2;
const AWAY = "The server does not answer. What you see may be out of date; this page keeps trying.";

/** Watch every reading. */
export function watchConnection() {
  const banner = byId("connection");
  banner.textContent = AWAY;
  let missed = 0;
  onContact((isThere) => {
    missed = isThere ? 0 : missed + 1;
    if (missed === MISSED_BEFORE_TOLD) {
      banner.hidden = false;
      announce("connection", AWAY);
    } else if (isThere && !banner.hidden) {
      banner.hidden = true;
      announce("connection", "The server answers again.");
    }
  });
}
