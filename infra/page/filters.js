/** The filters, kept in the page's address: a filtered page can be linked, and "back" takes a filter back. */

import { byId, element } from "./elements.js";

const NAMES = ["text", "space", "modality", "from", "to"];
const TYPING_MS = 350;
const MODALITIES = ["CR", "CT", "DX", "IO", "IVUS", "KO", "MG", "MR", "NM", "OCT", "OP", "OT", "PR", "PT", "PX"];
const FURTHER_MODALITIES = ["RF", "RTDOSE", "RTIMAGE", "RTPLAN", "RTSTRUCT", "SC", "SEG", "SM", "SR", "US", "XA", "XC"];

export class Filters {
  #form = byId("filters");
  #reset = this.#form.querySelector("[type=reset]");
  #onChange;
  #timer;
  #applied;
  #edited = null; // the field that the newest step of the history is about, while the reader is in it

  /** @param {() => void} onChange */
  constructor(onChange) {
    this.#onChange = onChange;
    byId("modalities").append(
      ...[...MODALITIES, ...FURTHER_MODALITIES].map((modality) => element("option", { value: modality })),
    );
    this.#fill();
    this.#fold();
    this.#applied = `${this.query}`;
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#apply(document.activeElement);
    });
    this.#form.addEventListener("change", ({ target }) => this.#apply(target));
    this.#form.addEventListener("focusout", () => (this.#edited = null));
    this.#form.addEventListener("input", ({ target }) => {
      if (target.name !== "text" && target.name !== "modality") return;
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.#apply(target), TYPING_MS);
    });
    this.#form.addEventListener("reset", (event) => {
      event.preventDefault();
      this.clear();
    });
    addEventListener("popstate", () => {
      clearTimeout(this.#timer);
      this.#edited = null;
      this.#fill();
      // A jump within the page is no other filter.
      if (`${this.query}` !== this.#applied) this.#tell();
    });
  }

  /** What `/arrivals` is to be asked with. */
  get query() {
    const query = new URLSearchParams();
    for (const name of NAMES) {
      const field = this.#form.elements[name];
      const value = field.value.trim();
      // A year that is just being typed is none yet.
      if (value && field.validity.valid) query.set(name, name === "modality" ? value.toUpperCase() : value);
    }
    return query;
  }

  /** Offer these spaces. */
  offer(spaces) {
    const select = this.#form.elements.space;
    for (const space of spaces) {
      if (![...select.options].some(({ value }) => value === space)) select.append(element("option", {}, space));
    }
    select.value = inAddress().get("space") ?? "";
    select.closest("label").hidden = spaces.length < 2;
  }

  /** Set one of them, as if the reader had. */
  choose(name, value) {
    this.#form.elements[name].value = value;
    this.#apply();
  }

  /** Show all that came in. */
  clear() {
    for (const name of NAMES) this.#form.elements[name].value = "";
    this.#apply();
    this.#form.elements.text.focus();
  }

  /** On a phone, what is seldom used is folded away, unless it is in use. */
  #fold() {
    const wide = matchMedia("(min-width: 44rem)");
    const further = this.#form.querySelector(".further-filters");
    const unfold = () => (further.open = wide.matches || NAMES.slice(1).some((name) => this.query.has(name)));
    wide.addEventListener("change", unfold);
    unfold();
  }

  #fill() {
    const given = inAddress();
    for (const name of NAMES) {
      const field = this.#form.elements[name];
      const value = given.get(name) ?? "";
      // A space that is not known yet: the list of them is still on its way.
      if (name === "space" && value && ![...field.options].some((option) => option.value === value)) {
        field.append(element("option", {}, value));
      }
      field.value = value;
    }
    this.#reset.hidden = !this.query.size;
  }

  /** One step of the history for each field that the reader goes to, however often its value changes meanwhile. */
  #apply(field = null) {
    clearTimeout(this.#timer);
    const query = this.query;
    this.#reset.hidden = !query.size;
    if (`${query}` === this.#applied) return;
    const address = query.size ? `?${query}` : location.pathname;
    if (field && field === this.#edited) history.replaceState(null, "", address);
    else history.pushState(null, "", address);
    this.#edited = field;
    this.#tell();
  }

  #tell() {
    this.#applied = `${this.query}`;
    this.#onChange();
  }
}

function inAddress() {
  const given = new URLSearchParams(location.search);
  const known = new URLSearchParams();
  for (const name of NAMES) if (given.get(name)) known.set(name, given.get(name));
  return known;
}
