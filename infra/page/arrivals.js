/** The studies that came in, as far as they were read: one list over all pages, kept as the server has it. */

import { getJson } from "./request.js";
import { isSettled } from "./study_state.js";

const PAGE = 50;
const LARGE_PAGE = 100;
const PAGES_AT_ONCE = 10;

/** What names a study among all spaces. */
export function keyOf({ space, study }) {
  return `${space}/${study}`;
}

export class Arrivals {
  #query;
  #entries = new Map();
  #older = null;
  #warning = "";
  #isRead = false;

  /** @param {URLSearchParams} query the filters, as `/arrivals` takes them */
  constructor(query) {
    this.#query = query;
  }

  /** @returns {Object[]} newest first, as the server orders them */
  get newestFirst() {
    return [...this.#entries.values()].sort(byArrival);
  }

  get hasOlder() {
    return this.#older !== null;
  }

  /** What the server says of a list that is not all there is. */
  get warning() {
    return this.#warning;
  }

  /**
   * Read what is new, and again whatever may have changed.
   *
   * From the newest on until the pages meet what is known and nothing below
   * has to be looked at; where they do not meet, older ones are let go.
   *
   * @param {Set<string>} changed keys of studies of which there is news
   */
  async refresh(changed = new Set(), { signal } = {}) {
    const known = new Map(this.#entries);
    const oldest = this.newestFirst.at(-1);
    const end = this.#older ? oldest : null; // what lies below is read when the reader asks for it
    let address = this.#address(known.size > PAGE ? LARGE_PAGE : PAGE);
    let from = null;
    for (let pages = 1; ; pages += 1) {
      const page = await getJson(address, { signal });
      const all = page.body ?? [];
      const entries = end ? all.filter((entry) => byArrival(entry, end) <= 0) : all;
      const last = entries.at(-1) ?? null;
      this.#take(entries, from, page.next ? last : end, !page.next && !end);
      if (!this.#isRead || (!page.next && !end)) {
        this.#isRead = true;
        this.#older = page.next;
        this.#warning = page.next ? page.warning : "";
        return;
      }
      if (!page.next || entries.length < all.length || !last || (oldest && byArrival(last, oldest) >= 0)) return;
      const below = [...known.values()].filter((entry) => byArrival(last, entry) < 0);
      // One that has come to the top since it was known meets nothing: what lies between has not been read.
      const meets = entries.some((entry) => known.get(keyOf(entry))?.arrived_at === entry.arrived_at);
      if (meets && below.every((entry) => isSettled(entry) && !changed.has(keyOf(entry)))) return;
      if (pages === PAGES_AT_ONCE) {
        if (!meets) this.#letGoBelow(last, page.next);
        return;
      }
      [address, from] = [page.next, last];
    }
  }

  /** Read the next page of older ones. */
  async readOlder({ signal } = {}) {
    const page = await getJson(this.#older, { signal });
    for (const entry of page.body ?? []) this.#entries.set(keyOf(entry), entry);
    this.#older = page.next;
    this.#warning = page.next ? page.warning : "";
  }

  #address(limit) {
    const query = new URLSearchParams(this.#query);
    query.set("limit", limit);
    return `/arrivals?${query}`;
  }

  /** A page says all there is between its ends: what is known there and not in it is gone. */
  #take(entries, from, to, isToTheEnd) {
    const read = new Set(entries.map(keyOf));
    for (const [key, entry] of this.#entries) {
      const isBehind = !from || byArrival(from, entry) < 0;
      const isBefore = isToTheEnd || (to && byArrival(entry, to) <= 0);
      if (isBehind && isBefore && !read.has(key)) this.#entries.delete(key);
    }
    for (const entry of entries) this.#entries.set(keyOf(entry), entry);
  }

  #letGoBelow(last, next) {
    for (const [key, entry] of this.#entries) if (byArrival(last, entry) < 0) this.#entries.delete(key);
    this.#older = next;
  }
}

/** As the server orders them: the latest arrival first; its times have one form, so that text compares as they do. */
function byArrival(one, other) {
  return (
    compare(other.arrived_at, one.arrived_at) || compare(other.study, one.study) || compare(other.space, one.space)
  );
}

function compare(one, other) {
  return one < other ? -1 : one > other ? 1 : 0;
}
