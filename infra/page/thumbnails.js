/** Pictures of studies, read when they are about to be seen, a few at a time. */

import { getPicture, onThisOrigin, Unreachable } from "./request.js";

const PIXELS = 144; // twice what the style sheet shows, for dense screens
const AT_ONCE = 4;
const RETRY_MS = 5000; // then twice as long each time
const TRIES = 5;
const MARGIN = "300px";

/** What has no picture is not asked for one; PS3.3 Section C.7.3.1.1.1. */
const WITHOUT_PICTURE = new Set([
  ...["AU", "ASMT", "DOC", "ECG", "EEG", "EMG", "EOG", "EPS", "FID", "HD", "KO", "PLAN", "POS", "PR", "REG"],
  ...["RESP", "RTPLAN", "RTRAD", "RTRECORD", "RTSEGANN", "RTSTRUCT", "SMR", "SR", "TEXTUREMAP", "STAIN", "M3D"],
]);

const wanted = new Map();
const observer = new IntersectionObserver(seen, { rootMargin: MARGIN });
let running = 0;
const queue = [];

/**
 * Show a study's picture in an `img` once it is seen; again where `version` is another.
 *
 * The `img` is hidden as long as there is none.
 */
export function showThumbnail(image, entry) {
  const version = `${entry.revision}`;
  const mayHave = entry.links?.thumbnail && !(entry.modalities ?? []).every((each) => WITHOUT_PICTURE.has(each));
  if (!mayHave || wanted.get(image)?.version === version) return;
  const separator = entry.links.thumbnail.includes("?") ? "&" : "?";
  const address = `${onThisOrigin(entry.links.thumbnail)}${separator}viewport=${PIXELS},${PIXELS}`;
  wanted.set(image, { version, address, failures: 0 });
  observer.unobserve(image.parentElement);
  observer.observe(image.parentElement);
}

/** Forget an `img` that is not shown any more. */
export function forgetThumbnail(image) {
  observer.unobserve(image.parentElement);
  wanted.delete(image);
  URL.revokeObjectURL(image.src);
}

function seen(observations) {
  for (const { isIntersecting, target } of observations) {
    if (!isIntersecting) continue;
    observer.unobserve(target);
    queue.push(target.querySelector("img"));
  }
  next();
}

function next() {
  while (running < AT_ONCE && queue.length) {
    running += 1;
    read(queue.shift()).finally(() => {
      running -= 1;
      next();
    });
  }
}

async function read(image) {
  const asked = wanted.get(image);
  if (!asked) return;
  try {
    const picture = await getPicture(asked.address);
    if (wanted.get(image) !== asked || !picture) return;
    const before = image.src;
    image.src = URL.createObjectURL(picture);
    image.hidden = false;
    URL.revokeObjectURL(before);
  } catch (error) {
    if (!(error instanceof Unreachable)) throw error;
    asked.failures += 1;
    if (asked.failures === TRIES) return;
    const wait = RETRY_MS * 2 ** (asked.failures - 1);
    setTimeout(() => wanted.get(image) === asked && observer.observe(image.parentElement), wait);
  }
}
