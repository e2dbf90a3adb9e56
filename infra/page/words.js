/** Numbers and times as people read them: numbers as the reader's language writes them, words in the page's. */

const numbers = new Intl.NumberFormat(navigator.languages);
const decimals = new Intl.NumberFormat(navigator.languages, { maximumSignificantDigits: 3 });
const plurals = new Intl.PluralRules("en");
const relative = new Intl.RelativeTimeFormat("en", { style: "short", numeric: "auto" });
const dates = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeZone: "UTC" });
const days = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });
const daysOfYears = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium" });
const hours = new Intl.DateTimeFormat("en-GB", { timeStyle: "short" });
const moments = new Intl.DateTimeFormat("en-GB", { dateStyle: "full", timeStyle: "long" });

const BYTE_UNITS = ["bytes", "kB", "MB", "GB", "TB", "PB"];
const AGES = [
  [86_400 * 2, 86_400, "day"],
  [3_600 * 2, 3_600, "hour"],
  [60, 60, "minute"],
  [10, 1, "second"],
];

/** 1204 → "1,204". */
export function count(number) {
  return numbers.format(number);
}

/** (2, "study", "studies") → "2 studies". */
export function counted(number, one, many = `${one}s`) {
  return `${numbers.format(number)} ${plurals.select(number) === "one" ? one : many}`;
}

/** 2_150_000_000 → "2.15 GB", in powers of 1000. */
export function bytes(number) {
  const power = number < 1000 ? 0 : Math.min(BYTE_UNITS.length - 1, Math.floor(Math.log10(number) / 3));
  return `${decimals.format(number / 1000 ** power)} ${BYTE_UNITS[power]}`;
}

/** "2001-02-03" → "3 Feb 2001"; what is no date stays as it is. */
export function date(text) {
  const moment = /^\d{4}-\d{2}-\d{2}$/.test(text) ? Date.parse(`${text}T00:00:00Z`) : NaN;
  return Number.isNaN(moment) ? text : dates.format(moment);
}

/** How long ago a moment was: "2 min. ago"; "just now" below ten seconds. */
export function ago(moment, now) {
  const seconds = (now - moment) / 1000;
  for (const [from, length, unit] of AGES) {
    if (seconds >= from) return relative.format(-Math.floor(seconds / length), unit);
  }
  return "just now";
}

/** A duration: 90 → "90 s", 600 → "10 min". */
export function duration(seconds) {
  for (const [length, unit] of [
    [86_400, "d"],
    [3_600, "h"],
    [60, "min"],
  ]) {
    if (seconds >= 2 * length) return `${count(Math.floor(seconds / length))} ${unit}`;
  }
  return `${count(Math.round(seconds))} s`;
}

/** When it was in the reader's time zone, as short as is clear: "14:03", "3 Feb, 14:03", "3 Feb 2001, 14:03". */
export function moment(when, now) {
  const hour = hours.format(when);
  if (daysOfYears.format(when) === daysOfYears.format(now)) return hour;
  const isThisYear = new Date(when).getFullYear() === new Date(now).getFullYear();
  return `${(isThisYear ? days : daysOfYears).format(when)}, ${hour}`;
}

/** The whole moment, in the reader's time zone. */
export function wholeMoment(moment) {
  return moments.format(moment);
}
