/** Hears from the change feeds of the spaces of which studies there is news. */

import { keyOf } from "./arrivals.js";
import { Pulse } from "./pulse.js";
import { getJson } from "./request.js";

const SECONDS = 2;
const AT_MOST = 200;

/**
 * Ask every space's feed from its newest change on.
 *
 * @param {(changed: Set<string>) => void} onNews given the keys of the studies
 */
export class FeedWatcher {
  #onNews;
  #offsets = new Map();
  #pulse = new Pulse(() => this.#ask(), SECONDS);

  constructor(onNews) {
    this.#onNews = onNews;
  }

  /** Hear of these spaces, as `GET /spaces` names them. */
  async watch(spaces) {
    const unheard = spaces.filter(({ space }) => !this.#offsets.has(space));
    if (!unheard.length) return;
    await Promise.all(unheard.map(async ({ space }) => this.#offsets.set(space, await newest(space))));
    this.#onNews(new Set()); // what came before that number is in no feed to come
    this.#pulse.wake();
  }

  async #ask() {
    const heard = await Promise.all([...this.#offsets].map(([space, offset]) => this.#changesOf(space, offset)));
    const changed = new Set(heard.flat());
    if (changed.size) this.#onNews(changed);
  }

  async #changesOf(space, offset) {
    const page = await getJson(`/spaces/${space}/changefeed?offset=${offset}&limit=${AT_MOST}`);
    const rows = page.body ?? [];
    if (!rows.length) return [];
    // Whoever is far behind needs no row of it: that there is news is enough.
    this.#offsets.set(space, page.next ? await newest(space) : rows.at(-1).sequence);
    return rows.map((row) => keyOf({ space, study: row.studyInstanceUid }));
  }
}

async function newest(space) {
  const { body } = await getJson(`/spaces/${space}/changefeed/latest`);
  return body?.sequence ?? 0;
}
