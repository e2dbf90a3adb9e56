/** What a screen reader is told, politely and not too often. */

import { byId } from "./elements.js";

const GATHERED_MS = 1500;

const waiting = new Map();
let timer = null;

/** Say a sentence soon; one of the same `topic` that still waits is replaced by it. */
export function announce(topic, sentence) {
  waiting.set(topic, sentence);
  timer ??= setTimeout(() => {
    byId("announcements").textContent = [...waiting.values()].join(" ");
    waiting.clear();
    timer = null;
  }, GATHERED_MS);
}
