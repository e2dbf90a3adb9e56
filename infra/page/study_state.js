/** How far a study has come, in words. */

import { counted, duration, moment } from "./words.js";

const RUNNING_OUT_SECONDS = 0.5;
const OFTEN_SECONDS = 1;
const SELDOM_SECONDS = 30;

/** Whether nothing more happens to the study by itself. */
export function isSettled({ state, fhir }) {
  return state === "final" && fhir?.state !== "waiting";
}

/**
 * When to look at a study again, though no feed tells of it: revisions and FHIR are not in the change feed.
 *
 * Often right after it changed, less often the longer it hangs; never if it is settled.
 */
export function secondsUntilNews(entry, now) {
  if (isSettled(entry)) return Infinity;
  const quietIn = entry.state === "arriving" && entry.due_at ? (Date.parse(entry.due_at) - now) / 1000 : 0;
  if (quietIn > 0) return quietIn + 1;
  const hangsFor = (now - Date.parse(entry.last_change_at)) / 1000;
  return Math.min(SELDOM_SECONDS, Math.max(OFTEN_SECONDS, hangsFor / 10));
}

/** Of an entry of `/arrivals`: `kind` is a class of the style sheet. */
export function progressOf({ state, due_at: dueAt, revision }, now) {
  if (state === "arriving") {
    const seconds = dueAt ? (Date.parse(dueAt) - now) / 1000 : 0;
    return seconds > RUNNING_OUT_SECONDS
      ? { kind: "arriving", text: "Arriving", note: `quiet in ${duration(Math.ceil(seconds))}` }
      : { kind: "arriving", text: "Arriving", note: "about to be completed" };
  }
  if (state === "finalizing") return { kind: "arriving", text: "Being completed", note: "" };
  return { kind: "final", text: `Revision ${revision}`, note: "" };
}

/** What FHIR has of it; null where no FHIR server is written to, or nothing can be there yet. */
export function publicationOf({ state, fhir }, now) {
  if (!fhir || fhir.state === "none") return null;
  const partly = (fhir.errors ?? []).some(({ kind }) => kind === "invalid-tag");
  const isRetried = (fhir.errors ?? []).some(({ kind }) => kind === "retrying");
  switch (fhir.state) {
    case "published": {
      const when = fhir.published_at ? Date.parse(fhir.published_at) : null;
      return {
        kind: partly ? "partly" : "published",
        text: partly ? "In FHIR, not whole" : "In FHIR",
        note: when ? moment(when, now) : "",
      };
    }
    case "refused":
      return { kind: "refused", text: fhir.revision ? `FHIR has revision ${fhir.revision}` : "Not in FHIR", note: "" };
    default:
      if (isRetried) return { kind: "partly", text: "FHIR does not answer", note: "" };
      return state === "final" ? { kind: "waiting", text: "On its way to FHIR", note: "" } : null;
  }
}

/** What stands in the way to FHIR, a sentence each. */
export function hindrances({ fhir }, now) {
  return (fhir?.errors ?? []).map((error) => ({
    isTrouble: !["invalid-tag", "retrying"].includes(error.kind),
    sentence: error.message,
    tries: tries(error, now),
  }));
}

function tries({ attempts, time }, now) {
  const last = time ? `, last ${moment(Date.parse(time), now)}` : "";
  return attempts ? `Tried ${counted(attempts, "time")}${last}.` : "";
}
