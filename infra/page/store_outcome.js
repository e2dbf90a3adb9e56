/** What the server says of one stored file; PS3.18 Section 10.5.3 and Annex I. */

const STORED = "00081199";
const REFUSED = "00081198";
const REFUSED_NAMELESS = "0008119A";
const FAILURE_REASON = "00081197";
const WARNING_REASON = "00081196";
const SENTENCE = "00091001";
const AGAIN = new Set([429, 502, 503, 504]);

/**
 * Read an answer to STOW-RS.
 *
 * @returns {{kind: "stored" | "remarked" | "refused" | "again", why: string}}
 */
export function outcomeOf({ status, text }) {
  const document = parsed(text);
  if (AGAIN.has(status)) return { kind: "again", why: document?.error ?? `The server answers ${status}.` };
  const stored = document?.[STORED]?.Value?.[0];
  if ((status === 200 || status === 202) && stored) {
    return stored[WARNING_REASON]
      ? { kind: "remarked", why: "Stored as it is; some of its values break their rules and are not searched by." }
      : { kind: "stored", why: "" };
  }
  const failed = document?.[REFUSED]?.Value?.[0] ?? document?.[REFUSED_NAMELESS]?.Value?.[0];
  const reason = failed?.[FAILURE_REASON]?.Value?.[0];
  const sentence = failed?.[SENTENCE]?.Value?.[0] ?? document?.error;
  const number = reason === undefined ? "" : ` (${hexadecimal(reason)})`;
  return { kind: "refused", why: sentence ? `${sentence}${number}` : `The server answers ${status}${number}.` };
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null; // a proxy's page, for one: the status says what there is to say
  }
}

function hexadecimal(reason) {
  return `${reason.toString(16).toUpperCase().padStart(4, "0")}H`;
}
