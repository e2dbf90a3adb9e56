/** Shows how storing goes: the whole, what is under way, and what was refused and why; never ten thousand rows. */

import { announce } from "./announcements.js";
import { byId, element, setAttribute, setText } from "./elements.js";
import { bytes, count, counted } from "./words.js";

const SHOWN = 100;
const STATES = { again: "waits to be sent again", sending: "" };

export class UploadPanel {
  #uploads;
  #panel = byId("uploads");
  #title = element("h2", { id: "uploads-title" });
  #total = element("progress", { "aria-labelledby": "uploads-title", max: 1, value: 0 });
  #figures = element("p", { class: "figures" });
  #cancel = element("button", { type: "button", class: "button" }, "Cancel");
  #close = element("button", { type: "button", class: "button" }, "Close");
  #underWay = element("ul", { class: "under-way", role: "list", "aria-label": "Under way" });
  #refused;
  #remarked;
  #rows = new Map();
  #isDue = false;
  #wasRunning = false;

  constructor(uploads) {
    this.#uploads = uploads;
    this.#refused = new Listed("refused", (upload) => uploads.retry([upload]));
    this.#remarked = new Listed("remarked", null);
    const again = element("button", { type: "button", class: "button" }, "Try all again");
    again.addEventListener("click", () => uploads.retry(uploads.refused));
    this.#refused.element.querySelector("h3").after(again);
    this.#panel.append(
      element("div", { class: "uploads-head" }, this.#title, this.#cancel, this.#close),
      this.#total,
      this.#figures,
      this.#underWay,
      this.#refused.element,
      this.#remarked.element,
    );
    this.#cancel.addEventListener("click", () => uploads.cancel());
    this.#close.addEventListener("click", () => {
      uploads.clear();
      byId("choose-files").focus();
    });
    uploads.addEventListener("change", () => this.#later());
    addEventListener("beforeunload", (event) => {
      if (uploads.isRunning) event.preventDefault();
    });
  }

  #later() {
    if (this.#isDue) return;
    this.#isDue = true;
    requestAnimationFrame(() => {
      this.#isDue = false;
      this.#show();
    });
  }

  #show() {
    const { counts, refused, remarked, isRunning, isWalking } = this.#uploads;
    const hadFocus = this.#panel.contains(document.activeElement);
    this.#panel.hidden = !counts.all && !isRunning;
    setText(this.#title, isRunning ? `Storing ${isWalking ? "" : counted(counts.all, "file")}`.trim() : this.#result());
    this.#total.hidden = !isRunning;
    this.#total.max = Math.max(1, this.#uploads.bytes.all);
    this.#total.value = this.#uploads.bytesSent;
    setText(this.#figures, isRunning ? this.#soFar() : "");
    this.#cancel.hidden = !isRunning;
    this.#close.hidden = isRunning;
    this.#showUnderWay();
    this.#refused.show(refused, `${counted(refused.length, "file was", "files were")} refused`);
    this.#remarked.show(remarked, `${counted(remarked.length, "file was", "files were")} stored with a remark`);
    const isLost = !this.#panel.contains(document.activeElement) || document.activeElement.closest("[hidden]");
    if (hadFocus && isLost) (isRunning ? this.#cancel : this.#close).focus();
    if (this.#wasRunning && !isRunning) announce("uploads", this.#result());
    this.#wasRunning = isRunning;
  }

  #soFar() {
    const { counts, settled, refused, isWalking } = this.#uploads;
    const said = [
      `${count(settled)} of ${count(counts.all)}${isWalking ? " or more" : ""}`,
      `${bytes(this.#uploads.bytesSent)} of ${bytes(this.#uploads.bytes.all)}`,
      ...(refused.length ? [`${count(refused.length)} refused`] : []),
    ];
    return said.join(" · ");
  }

  #result() {
    const { counts, refused } = this.#uploads;
    const said = [
      `${counted(counts.stored, "file")} stored`,
      ...(refused.length ? [`${count(refused.length)} refused`] : []),
      ...(counts.cancelled ? [`${count(counts.cancelled)} cancelled`] : []),
    ];
    return `${said.join(", ")}.`;
  }

  #showUnderWay() {
    const { underWay } = this.#uploads;
    for (const [upload, row] of this.#rows) {
      if (underWay.includes(upload)) continue;
      row.remove();
      this.#rows.delete(upload);
    }
    for (const upload of underWay) {
      if (!this.#rows.has(upload)) {
        const row = element(
          "li",
          {},
          element("span", { class: "path" }, upload.path),
          element("progress", { "aria-label": upload.path, max: Math.max(1, upload.size), value: 0 }),
          element("span", { class: "how-far" }),
        );
        this.#rows.set(upload, row);
        this.#underWay.append(row);
      }
      const row = this.#rows.get(upload);
      row.querySelector("progress").value = upload.sent;
      setText(row.querySelector(".how-far"), STATES[upload.state] || bytes(upload.size));
    }
    this.#underWay.hidden = !underWay.length;
  }
}

/** Files that there is something to say of, the first hundred of them. */
class Listed {
  #heading = element("h3");
  #list = element("ul", { role: "list" });
  #more = element("p", { class: "further" });
  #rows = new Map();
  #retry;

  constructor(kind, retry) {
    this.#retry = retry;
    this.element = element("div", { class: `listed ${kind}`, hidden: true }, this.#heading, this.#list, this.#more);
  }

  show(uploads, heading) {
    this.element.hidden = !uploads.length;
    setText(this.#heading, heading);
    const shown = new Set(uploads.slice(0, SHOWN));
    for (const [upload, row] of this.#rows) {
      if (shown.has(upload)) continue;
      row.remove();
      this.#rows.delete(upload);
    }
    for (const upload of shown) {
      if (!this.#rows.has(upload)) this.#add(upload);
    }
    const further = uploads.length - shown.size;
    setText(this.#more, further ? `and ${count(further)} more` : "");
    setAttribute(this.#more, "hidden", !further);
  }

  #add(upload) {
    const row = element(
      "li",
      {},
      element("span", { class: "path" }, upload.path),
      element("span", { class: "why" }, upload.why),
    );
    if (this.#retry) {
      const again = element("button", { type: "button", "aria-label": `Try again: ${upload.path}` }, "Try again");
      again.addEventListener("click", () => {
        (row.nextElementSibling ?? row.previousElementSibling)?.querySelector("button").focus();
        this.#retry(upload);
      });
      row.append(again);
    }
    this.#rows.set(upload, row);
    this.#list.append(row);
  }
}
