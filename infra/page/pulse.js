/** Something that is done again and again while somebody looks, slower while the server does not answer. */

import { Refused, Unreachable } from "./request.js";

const SLOWEST_SECONDS = 30;

export class Pulse {
  #task;
  #seconds;
  #timer;
  #isRunning = false;
  #isWanted = false;
  #failures = 0;

  /**
   * @param {() => Promise<number | void>} task may say after how many seconds it is wanted again
   * @param {number} seconds between two times
   */
  constructor(task, seconds) {
    this.#task = task;
    this.#seconds = seconds;
    document.addEventListener("visibilitychange", () => this.wake());
  }

  /** Do it now; if it is under way, once more right after that. */
  async wake() {
    clearTimeout(this.#timer);
    this.#isWanted = true;
    if (this.#isRunning || document.visibilityState === "hidden") return;
    this.#isRunning = true;
    let seconds = this.#seconds;
    while (this.#isWanted) {
      this.#isWanted = false;
      seconds = await this.#once();
    }
    this.#isRunning = false;
    this.#timer = setTimeout(() => this.wake(), seconds * 1000);
  }

  async #once() {
    try {
      const seconds = (await this.#task()) ?? this.#seconds;
      this.#failures = 0;
      return seconds;
    } catch (error) {
      if (!(error instanceof Unreachable || error instanceof Refused)) reportError(error);
      this.#failures += 1;
      return Math.min(SLOWEST_SECONDS, this.#seconds * 2 ** this.#failures);
    }
  }
}
