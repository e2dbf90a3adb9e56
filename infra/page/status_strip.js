/** How things stand: one calm line while all is well, else each trouble with the command that tells or mends it. */

import { byId, element, setChildren } from "./elements.js";
import { ago, count, counted, duration, wholeMoment } from "./words.js";

const COPIED_MS = 2000;
const FHIR_ERRORS = {
  "invalid-tag": "published without what some attributes should have given",
  "not-published": "cannot be in FHIR as they are",
  "fhir-refused": "refused by the FHIR server",
  retrying: "tried again by themselves",
  "retries-exhausted": "given up after an hour and a half",
};

/** Show what `GET /status` says; null before the first. */
export function showStatus(status, now) {
  const strip = byId("status");
  strip.hidden = !status;
  if (!status) return;
  const asOf = Date.parse(status.as_of);
  const troubles = status.trouble ?? [];
  const { as_of: _, ...figures } = status;
  setChildren(strip, JSON.stringify(figures), () => [
    element(
      "p",
      { class: `verdict ${troubles.length ? "is-trouble" : "is-well"}` },
      element("strong", {}, troubles.length ? verdict(troubles.length) : "All is well."),
      " ",
      element("span", { class: "load" }, load(status)),
    ),
    ...(troubles.length ? [element("ul", { class: "troubles", role: "list" }, ...troubles.map(trouble))] : []),
    element(
      "details",
      {},
      element("summary", {}, "Queues and FHIR", " ", element("time", { class: "as-of" })),
      queueTable(status),
      fhirErrors(status),
      element("p", { class: "command" }, "More: ", command("imaging status"), " ", command("imaging errors")),
    ),
  ]);
  const time = strip.querySelector(".as-of");
  time.textContent = `as of ${ago(asOf, now)}`;
  time.dateTime = status.as_of;
  time.title = wholeMoment(asOf);
}

function verdict(troubles) {
  return troubles === 1 ? "1 thing needs attention." : `${count(troubles)} things need attention.`;
}

function load({ queues = [], waiting = {} }) {
  const messages = queues.reduce((sum, { figures }) => sum + figures.waiting + figures.under_way, 0);
  const unpublished = waiting.revisions_unpublished ?? 0;
  const said = [
    messages ? `${counted(messages, "message")} in the queues` : "Nothing waits in a queue",
    ...(waiting.studies_open ? [`${counted(waiting.studies_open, "study", "studies")} open`] : []),
    ...(unpublished ? [`${counted(unpublished, "revision")} on the way to FHIR`] : []),
  ];
  return `${said.join(", ")}.`;
}

/** A sentence of the server; what it has between backticks is a command. */
function trouble(sentence) {
  const pieces = sentence.split("`");
  const commands = pieces.filter((_, at) => at % 2);
  return element(
    "li",
    { "data-key": commands.join() },
    ...pieces.map((piece, at) => (at % 2 ? command(piece) : piece)),
  );
}

function command(text) {
  const button = element("button", { type: "button", class: "copy", "aria-label": `Copy ${text}` }, "Copy");
  button.addEventListener("click", async () => {
    await copy(button.previousElementSibling);
    button.textContent = "Copied";
    setTimeout(() => (button.textContent = "Copy"), COPIED_MS);
  });
  return element("span", { class: "copyable" }, element("code", {}, text), button);
}

async function copy(shown) {
  if (navigator.clipboard) {
    await navigator.clipboard.writeText(shown.textContent).catch(() => select(shown));
  } else select(shown);
}

/** Where a page may not write to the clipboard, the reader's own keys do. */
function select(shown) {
  document.getSelection().selectAllChildren(shown);
}

function queueTable({ queues = [] }) {
  const heads = ["Queue", "Waiting", "Under way", "Oldest", "Dead letters"];
  return element(
    "div",
    { class: "scrolls", tabindex: 0, role: "group", "aria-label": "Queues" },
    element(
      "table",
      {},
      element("thead", {}, element("tr", {}, ...heads.map((head) => element("th", { scope: "col" }, head)))),
      element(
        "tbody",
        {},
        ...queues.map(({ name, figures }) =>
          element(
            "tr",
            { "data-key": name },
            element("th", { scope: "row" }, name),
            element("td", {}, count(figures.waiting)),
            element("td", {}, count(figures.under_way)),
            element("td", {}, figures.oldest_seconds == null ? "–" : duration(figures.oldest_seconds)),
            element("td", { class: figures.dead_letters ? "is-trouble" : "" }, count(figures.dead_letters)),
          ),
        ),
      ),
    ),
  );
}

function fhirErrors({ fhir_errors: kinds = {}, counted_up_to: ceiling }) {
  const said = Object.entries(kinds).filter(([, studies]) => studies);
  if (!said.length) return element("p", { class: "fhir-errors" }, "FHIR: no errors.");
  return element(
    "ul",
    { class: "fhir-errors", role: "list" },
    ...said.map(([kind, studies]) =>
      element(
        "li",
        { "data-key": kind },
        `${counted(studies, "study", "studies")}${studies === ceiling ? " or more" : ""} ${FHIR_ERRORS[kind] ?? kind} `,
        command(`imaging errors --kind ${kind}`),
      ),
    ),
  );
}
