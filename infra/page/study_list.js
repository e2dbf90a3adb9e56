/** The list of studies: rows keep their elements, and nothing jumps under a reader who has scrolled down. */

import { Tally } from "./announcements.js";
import { keyOf } from "./arrivals.js";
import { now } from "./clock.js";
import { byId, setText } from "./elements.js";
import { StudyRow } from "./study_row.js";
import { counted } from "./words.js";

const AWAY_PIXELS = 60;

export class StudyList {
  #list = byId("study-list");
  #newer = byId("newer");
  #rows = new Map();
  #latest = [];
  #news = new Tally("arrivals", (number) => `${counted(number, "new study", "new studies")} came in.`);

  constructor() {
    this.#newer.addEventListener("click", () => {
      this.#reveal();
      byId("studies").focus({ preventScroll: true });
      byId("studies").scrollIntoView({ block: "start" });
    });
    addEventListener("scroll", () => this.#newer.hidden || this.#isAway || this.#reveal(), { passive: true });
  }

  /** Show other studies: what was shown is let go. */
  clear() {
    for (const [key, row] of this.#rows) this.#drop(key, row);
    this.#latest = [];
    this.#news.forget();
    this.#newer.hidden = true;
  }

  /**
   * Show these, newest first.
   *
   * @param {{isFirst: boolean}} options the first time, nothing of it is news
   */
  show(entries, { isFirst }) {
    const before = new Set(this.#latest.map(keyOf));
    this.#latest = entries;
    const shown = new Set(entries.map(keyOf));
    for (const [key, row] of this.#rows) {
      if (!shown.has(key)) this.#drop(key, row);
    }
    for (const entry of entries) this.#rows.get(keyOf(entry))?.update(entry);
    const oldestBefore = entries.findLastIndex((entry) => before.has(keyOf(entry)));
    const news = isFirst ? 0 : entries.filter((entry, at) => at < oldestBefore && !before.has(keyOf(entry))).length;
    this.#news.add(isFirst || before.size ? news : entries.length);
    if (this.#isAway && !isFirst) this.#holdBack();
    else this.#reveal();
  }

  tick(moment) {
    for (const row of this.#rows.values()) row.tick(moment);
  }

  /** Whether the top of the list lies above what is seen. */
  get #isAway() {
    return this.#rows.size > 0 && this.#list.getBoundingClientRect().top < -AWAY_PIXELS;
  }

  /** Append what is older; tell of what is newer, and leave it until the reader comes. */
  #holdBack() {
    const last = this.#latest.findLastIndex((entry) => this.#rows.has(keyOf(entry)));
    this.#place(this.#latest.filter((entry, at) => at > last || this.#rows.has(keyOf(entry))), { mayMove: false });
    const news = this.#latest.length - this.#rows.size;
    this.#newer.hidden = news === 0;
    setText(this.#newer, counted(news, "new study", "new studies"));
  }

  #reveal() {
    this.#newer.hidden = true;
    this.#place(this.#latest, { mayMove: true });
  }

  #place(entries, { mayMove }) {
    let at = this.#list.firstElementChild;
    for (const entry of entries) {
      const key = keyOf(entry);
      const isNew = !this.#rows.has(key);
      if (isNew) this.#rows.set(key, new StudyRow(entry));
      const row = this.#rows.get(key);
      if (row.element === at) at = at.nextElementSibling;
      else if (isNew) this.#list.insertBefore(row.element, mayMove ? at : null);
      else if (mayMove && !row.isHeld) this.#move(row.element, at);
      row.tick(now());
    }
  }

  #move(moved, before) {
    const focused = moved.contains(document.activeElement) ? document.activeElement : null;
    this.#list.insertBefore(moved, before);
    focused?.focus({ preventScroll: true });
  }

  #drop(key, row) {
    const hadFocus = row.element.contains(document.activeElement);
    row.forget();
    this.#rows.delete(key);
    if (hadFocus) byId("studies").focus({ preventScroll: true });
  }
}
