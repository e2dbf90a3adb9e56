/** Hears from the change feeds of the spaces of which studies there is news. */

import { keyOf } from "./arrivals.js";
import { Pulse } from "./pulse.js";
import { getJson } from "./request.js";

const SECONDS = 2;
const AT_MOST = 200;

/**
 * Ask every space's feed from its newest change on; one that does not answer keeps no other waiting.
 *
 * @param {(changed: Set<string>) => void} onNews given the keys of the studies
 */
export class FeedWatcher {
  #onNews;
  #feeds = new Map();

  constructor(onNews) {
    this.#onNews = onNews;
  }

  /** Hear of these spaces, as `GET /spaces` names them. */
  watch(spaces) {
    for (const { space } of spaces) {
      if (!this.#feeds.has(space)) this.#feeds.set(space, new Feed(space, this.#onNews));
    }
  }
}

class Feed {
  #space;
  #onNews;
  #offset = null;

  constructor(space, onNews) {
    this.#space = space;
    this.#onNews = onNews;
    new Pulse(() => this.#ask(), SECONDS).wake();
  }

  async #ask() {
    if (this.#offset === null) {
      this.#offset = await this.#newest();
      this.#onNews(new Set()); // what came before that number is in no feed to come
    }
    const page = await getJson(`/spaces/${this.#space}/changefeed?offset=${this.#offset}&limit=${AT_MOST}`);
    const rows = page.body ?? [];
    if (!rows.length) return;
    // Whoever is far behind needs no row of it: that there is news is enough.
    this.#offset = page.next ? await this.#newest() : rows.at(-1).sequence;
    this.#onNews(new Set(rows.map((row) => keyOf({ space: this.#space, study: row.studyInstanceUid }))));
  }

  async #newest() {
    const { body } = await getJson(`/spaces/${this.#space}/changefeed/latest`);
    return body?.sequence ?? 0;
  }
}
