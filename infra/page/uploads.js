/** Stores files, each in a request of its own, a few at a time; what fails for a moment is tried again. */

import { store, Unreachable } from "./request.js";
import { outcomeOf } from "./store_outcome.js";

const AT_ONCE = 4;
const TRIES = 6;
const LONGEST_WAIT_SECONDS = 60;

/** One file on its way. */
class Upload {
  sent = 0;
  state = "waiting";
  why = "";

  constructor(file, path, space) {
    this.file = file;
    this.path = path;
    this.space = space;
  }

  get size() {
    return this.file?.size ?? 0;
  }
}

export class Uploads extends EventTarget {
  #waiting = [];
  #underWay = new Set();
  #cancelled = new AbortController();
  #walks = 0;
  counts = { all: 0, stored: 0, cancelled: 0 };
  bytes = { all: 0, done: 0 };
  refused = [];
  remarked = [];

  /** Take files as they are found. */
  async add(found, space) {
    const { signal } = this.#cancelled;
    this.#walks += 1;
    try {
      for await (const { file, path, error } of found) {
        if (signal.aborted) break;
        this.#take(new Upload(file ?? null, path, space), error);
      }
    } finally {
      this.#walks -= 1;
      this.#changed();
    }
  }

  /** Whether there is anything left to do. */
  get isRunning() {
    return this.#walks > 0 || this.#underWay.size > 0 || this.#waiting.length > 0;
  }

  /** Whether folders are still being walked: there will be more files than are known. */
  get isWalking() {
    return this.#walks > 0;
  }

  get underWay() {
    return [...this.#underWay];
  }

  get bytesSent() {
    return this.underWay.reduce((sum, { sent }) => sum + sent, this.bytes.done);
  }

  /** How many are stored, refused or cancelled. */
  get settled() {
    return this.counts.stored + this.refused.length + this.counts.cancelled;
  }

  /** Stop; what the server has answered for stays. */
  cancel() {
    this.counts.cancelled += this.#waiting.length;
    this.bytes.done += this.#waiting.reduce((sum, { size }) => sum + size, 0);
    this.#waiting = [];
    this.#cancelled.abort(new DOMException("Cancelled", "AbortError"));
    this.#cancelled = new AbortController();
    this.#changed();
  }

  /** Try what was refused again. */
  retry(uploads) {
    const again = new Set(uploads);
    this.refused = this.refused.filter((upload) => !again.has(upload));
    for (const upload of again) {
      this.counts.all -= 1;
      this.bytes.all -= upload.size;
      this.bytes.done -= upload.size;
      this.#take(new Upload(upload.file, upload.path, upload.space), upload.file ? "" : upload.why);
    }
  }

  /** Forget what is over. */
  clear() {
    this.counts = { all: 0, stored: 0, cancelled: 0 };
    this.bytes = { all: 0, done: 0 };
    [this.refused, this.remarked] = [[], []];
    this.#changed();
  }

  #take(upload, error) {
    this.counts.all += 1;
    this.bytes.all += upload.size;
    if (error) this.#refuse(upload, error);
    else this.#waiting.push(upload);
    this.#next();
  }

  #next() {
    while (this.#underWay.size < AT_ONCE && this.#waiting.length) {
      const upload = this.#waiting.shift();
      this.#underWay.add(upload);
      this.#store(upload, this.#cancelled.signal)
        .catch((error) => {
          if (error.name === "AbortError") this.counts.cancelled += 1;
          else {
            this.#refuse(upload, "This page failed; reload it.");
            reportError(error);
          }
        })
        .finally(() => {
          this.#underWay.delete(upload);
          if (upload.state !== "refused") this.bytes.done += upload.size;
          this.#next();
        });
    }
    this.#changed();
  }

  async #store(upload, signal) {
    const address = `/spaces/${encodeURIComponent(upload.space)}/studies`;
    for (let tries = 1; ; tries += 1) {
      upload.state = "sending";
      const { kind, why, retryAfter } = await this.#try(upload, address, signal);
      if (kind === "stored" || kind === "remarked") {
        this.counts.stored += 1;
        if (kind === "remarked") this.remarked.push(Object.assign(upload, { why }));
        return;
      }
      if (kind === "refused" || tries === TRIES) {
        this.#refuse(upload, why);
        return;
      }
      upload.sent = 0;
      upload.state = "again";
      this.#changed();
      await delay(Math.min(LONGEST_WAIT_SECONDS, Number(retryAfter) || 2 ** (tries - 1)), signal);
    }
  }

  async #try(upload, address, signal) {
    const onProgress = (sent) => {
      upload.sent = Math.min(sent, upload.size);
      this.#changed();
    };
    try {
      const answer = await store(address, upload.file, { signal, onProgress });
      return { ...outcomeOf(answer), retryAfter: answer.retryAfter };
    } catch (error) {
      if (!(error instanceof Unreachable)) throw error;
      if (await isGone(upload.file)) return { kind: "refused", why: "The file cannot be read from disk any more." };
      return { kind: "again", why: "The server does not answer; try again when it does." };
    }
  }

  #refuse(upload, why) {
    upload.state = "refused";
    upload.why = why;
    this.refused.push(upload);
    this.bytes.done += upload.size;
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}

async function isGone(file) {
  try {
    await file.slice(0, 1).arrayBuffer();
    return false;
  } catch {
    return true;
  }
}

function delay(seconds, signal) {
  return new Promise((resolve, reject) => {
    const abort = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", abort);
      resolve();
    }, seconds * 1000);
    signal.addEventListener("abort", abort);
  });
}
