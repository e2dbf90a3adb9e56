/** One study on the page: made once, then changed in place, so that focus and selection stay. */

import { now } from "./clock.js";
import { element, setAttribute, setChildren, setText } from "./elements.js";
import { onThisOrigin } from "./request.js";
import { hindrances, progressOf, publicationOf } from "./study_state.js";
import { forgetThumbnail, showThumbnail } from "./thumbnails.js";
import { ago, counted, date, moment, wholeMoment } from "./words.js";

const SEXES = { M: "male", F: "female", O: "other sex" };
let rows = 0;

export class StudyRow {
  #entry;
  #image = element("img", { alt: "", width: 72, height: 72, decoding: "async", hidden: true });
  #name = element("h3", { id: `study-${(rows += 1)}`, class: "name" });
  #patientId = element("p", { class: "patient" });
  #patientFacts = element("p", { class: "patient" });
  #description = element("p", { class: "description" });
  #study = element("p", { class: "study-facts" });
  #uid = element("p", { class: "uid" });
  #modalities = element("ul", { class: "modalities", role: "list", "aria-label": "Modalities" });
  #counts = element("p", { class: "counts" });
  #progress = element("span", { class: "pill" });
  #note = element("span", { class: "note" });
  #publication = element("span", { class: "pill" });
  #published = element("span", { class: "note" });
  #time = element("time");
  #hindrances = element("ul", {
    class: "hindrances",
    role: "list",
    "aria-label": "Why it is not in FHIR, or not whole",
  });
  #links = element("ul", { class: "links", role: "list", "aria-label": "Links" });

  constructor(entry) {
    this.element = element(
      "li",
      { class: "study" },
      element(
        "article",
        { "aria-labelledby": this.#name.id },
        element("div", { class: "picture" }, this.#image),
        element("div", { class: "who" }, this.#name, this.#patientId, this.#patientFacts),
        element("div", { class: "what" }, this.#description, this.#study, this.#uid),
        element("div", { class: "how-much" }, this.#modalities, this.#counts),
        element(
          "div",
          { class: "state" },
          element("p", {}, this.#progress, " ", this.#note),
          element("p", {}, this.#publication, " ", this.#published),
          element("p", { class: "when" }, this.#time),
        ),
        this.#links,
        this.#hindrances,
      ),
    );
    this.update(entry);
  }

  /** Show what the server says now. */
  update(entry) {
    this.#entry = entry;
    const { patient = {}, modalities = [] } = entry;
    setText(this.#name, patient.name || "No name");
    this.#name.classList.toggle("is-missing", !patient.name);
    setText(this.#patientId, patient.id ? `ID ${patient.id}` : "No patient ID");
    setText(this.#patientFacts, patientFacts(patient));
    setText(this.#description, entry.description || "No description");
    this.#description.classList.toggle("is-missing", !entry.description);
    setText(this.#study, studyFacts(entry));
    setText(this.#uid, entry.study);
    setChildren(this.#modalities, modalities.join("\\"), () => modalities.map((each) => element("li", {}, each)));
    setText(this.#counts, `${counted(entry.series, "series", "series")}, ${counted(entry.instances, "instance")}`);
    setAttribute(this.#image, "alt", `A picture of the ${modalities.join(", ")} study`);
    showThumbnail(this.#image, entry);
    this.#showHindrances();
    this.#showLinks(patient.name || entry.study);
  }

  /** Say what depends on the time. */
  tick(now) {
    const progress = progressOf(this.#entry, now);
    setAttribute(this.#progress, "class", `pill ${progress.kind}`);
    setText(this.#progress, progress.text);
    setText(this.#note, progress.note);
    const publication = publicationOf(this.#entry, now);
    this.#publication.parentElement.hidden = !publication;
    setAttribute(this.#publication, "class", `pill ${publication?.kind ?? ""}`);
    setText(this.#publication, publication?.text ?? "");
    setText(this.#published, publication?.note ?? "");
    const arrived = Date.parse(this.#entry.arrived_at);
    setText(this.#time, `${ago(arrived, now)}, ${moment(arrived, now)}`);
    setAttribute(this.#time, "datetime", this.#entry.arrived_at);
    setAttribute(this.#time, "title", `Arrived ${wholeMoment(arrived)}`);
  }

  /** Whether the reader is just selecting text here. */
  get isHeld() {
    const selection = document.getSelection();
    return Boolean(selection && !selection.isCollapsed && selection.containsNode(this.element, true));
  }

  /** Release what it holds; it is not shown any more. */
  forget() {
    forgetThumbnail(this.#image);
    this.element.remove();
  }

  #showHindrances() {
    const found = hindrances(this.#entry, now());
    this.#hindrances.hidden = !found.length;
    setChildren(this.#hindrances, JSON.stringify(found), () =>
      found.map(({ isTrouble, sentence, tries }) =>
        element("li", { class: isTrouble ? "is-trouble" : "" }, `${sentence} ${tries}`.trim()),
      ),
    );
  }

  #showLinks(whose) {
    const { revision, links: { display, imaging_study: imagingStudy, revisions, dicomweb } = {} } = this.#entry;
    const links = [
      ["View", display && onThisOrigin(display), "view"],
      // Another server's address, perhaps: as it was given.
      ["FHIR", imagingStudy, ""],
      ["History", revision > 0 && revisions && onThisOrigin(revisions), ""],
      ["DICOMweb", dicomweb && `${onThisOrigin(dicomweb)}/series`, ""],
    ].filter(([, address]) => address);
    setChildren(this.#links, JSON.stringify([whose, links]), () =>
      links.map(([text, href, kind]) => {
        const link = element("a", { href, class: kind, "aria-label": `${text}: ${whose}` }, text);
        return element("li", { "data-key": text }, link);
      }),
    );
  }
}

function patientFacts({ birth_date: birthDate, sex }) {
  return [birthDate ? `born ${date(birthDate)}` : "", SEXES[sex] ?? sex ?? ""].filter(Boolean).join(", ");
}

function studyFacts({ study_date: studyDate, accession_number: accessionNumber, space }) {
  const facts = [
    studyDate ? date(studyDate) : "No study date",
    accessionNumber ? `Acc. ${accessionNumber}` : "",
    `in ${space}`,
  ];
  return facts.filter(Boolean).join(" · ");
}
