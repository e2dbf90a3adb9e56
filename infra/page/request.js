/**
 * The only place that speaks with the server.
 *
 * Sign-in comes here: whoever adds it gives `headersOf` a token and `Refused`
 * with status 401 a way to get one.
 */

const TIMEOUT_MS = 30_000;
const listeners = new Set();

/** The server understood and says no, in a sentence. */
export class Refused extends Error {
  constructor(status, sentence) {
    super(sentence || `The server answers ${status}.`);
    this.status = status;
  }
}

/** The server did not answer, or not now. */
export class Unreachable extends Error {}

/** Be told after each reading of JSON whether the server answered. */
export function onContact(listener) {
  listeners.add(listener);
}

/**
 * The path of a link that the server gave out, on the origin that this page came from.
 *
 * The server writes its public base address, which a reader behind a tunnel or
 * on another name of the same host does not have.
 */
export function onThisOrigin(link) {
  const { pathname, search } = new URL(link, location.origin);
  return pathname + search;
}

/**
 * Read JSON.
 *
 * @returns {Promise<{body: any, next: string | null, warning: string}>} `body` is null where there is nothing (204).
 */
export async function getJson(address, { signal } = {}) {
  const response = await answer(address, "application/json", signal);
  tell(response.status < 500 && response.status !== 429);
  if (!response.ok) throw await failure(response, signal);
  return {
    body: response.status === 204 ? null : await whole(response.json(), signal),
    next: nextOf(response.headers.get("Link")),
    warning: response.headers.get("Warning") ?? "",
    date: Date.parse(response.headers.get("Date") ?? ""),
  };
}

/** Read a picture; null where there is none. */
export async function getPicture(address, { signal } = {}) {
  const response = await answer(address, "image/jpeg, image/png", signal);
  if (response.ok && response.status !== 204) return whole(response.blob(), signal);
  const failed = await failure(response, signal);
  if (failed instanceof Unreachable) throw failed;
  return null;
}

/**
 * Send one DICOM file from disk; its bytes never pass through this page's memory.
 *
 * @returns {Promise<{status: number, text: string, retryAfter: string | null}>} whatever the server says
 */
export function store(address, file, { signal, onProgress }) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest(); // fetch tells nothing of what has been sent
    request.open("POST", address);
    const headers = headersOf("application/dicom+json");
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    request.setRequestHeader("Content-Type", "application/dicom");
    request.upload.onprogress = ({ loaded }) => onProgress(loaded);
    request.onload = () =>
      resolve({
        status: request.status,
        text: request.responseText,
        retryAfter: request.getResponseHeader("Retry-After"),
      });
    request.onerror = () => reject(new Unreachable("The connection broke."));
    request.onabort = () => reject(signal.reason);
    const abort = () => request.abort();
    signal.addEventListener("abort", abort);
    request.onloadend = () => signal.removeEventListener("abort", abort);
    request.send(file);
  });
}

function headersOf(accept) {
  return { Accept: accept };
}

async function answer(address, accept, signal) {
  const signals = [AbortSignal.timeout(TIMEOUT_MS), ...(signal ? [signal] : [])];
  try {
    return await fetch(address, { headers: headersOf(accept), cache: "no-cache", signal: AbortSignal.any(signals) });
  } catch (error) {
    if (signal?.aborted) throw signal.reason;
    tell(false);
    throw new Unreachable("The server does not answer.", { cause: error });
  }
}

/** A body to its end; what no longer is wanted has not failed. */
async function whole(body, signal) {
  try {
    return await body;
  } catch (error) {
    if (signal?.aborted) throw signal.reason;
    throw new Unreachable("The answer broke off.", { cause: error });
  }
}

async function failure(response, signal) {
  const body = await response.json().catch(() => null);
  signal?.throwIfAborted();
  const sentence = typeof body?.error === "string" ? body.error : "";
  if (response.status >= 500 || response.status === 429) return new Unreachable(sentence || "The server is busy.");
  return new Refused(response.status, sentence);
}

function nextOf(links) {
  const next = links?.match(/<([^>]*)>\s*;[^,]*\brel="?next"?/i);
  return next ? onThisOrigin(next[1]) : null;
}

function tell(isThere) {
  for (const listener of listeners) listener(isThere);
}
