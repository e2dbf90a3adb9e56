/** The server's time: the reader's clock may be wrong, and "quiet in 4 s" shall not be. */

let ahead = null;

/** Learn from an answer's Date, which has whole seconds. */
export function learn(date) {
  if (Number.isNaN(date)) return;
  const seen = date + 500 - Date.now();
  // Only a real difference: rounding must not make countdowns stumble.
  if (ahead === null || Math.abs(seen - ahead) > 1500) ahead = Math.abs(seen) < 1500 ? 0 : seen;
}

/** Milliseconds since 1970, by the server's clock as far as it is known. */
export function now() {
  return Date.now() + (ahead ?? 0);
}

/** Call once a second while somebody looks. */
export function eachSecond(listener) {
  setInterval(() => {
    if (document.visibilityState === "visible") listener(now());
  }, 1000);
}
