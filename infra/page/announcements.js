/** What a screen reader is told, politely and not too often. */

import { byId } from "./elements.js";

const GATHERED_MS = 1500;
const SELDOM_MS = 25_000;

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

/** Says how many there were since it said so last: soon, and then at most twice a minute. */
export class Tally {
  #topic;
  #sentenceOf;
  #number = 0;
  #timer = null;
  #saidAt = -SELDOM_MS;

  /** @param {(number: number) => string} sentenceOf */
  constructor(topic, sentenceOf) {
    this.#topic = topic;
    this.#sentenceOf = sentenceOf;
  }

  add(number) {
    this.#number += number;
    if (!this.#number) return;
    this.#timer ??= setTimeout(() => this.#say(), this.#saidAt + SELDOM_MS - performance.now());
  }

  /** Say nothing of those that have not been told. */
  forget() {
    clearTimeout(this.#timer);
    this.#timer = null;
    this.#number = 0;
  }

  #say() {
    announce(this.#topic, this.#sentenceOf(this.#number));
    this.#saidAt = performance.now();
    this.forget();
  }
}
