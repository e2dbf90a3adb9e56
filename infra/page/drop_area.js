/** Takes files: the whole page by drop, two buttons for those who have no mouse, and the space they go to. */

import { chosenFiles, droppedFiles } from "./dropped_files.js";
import { byId, element, setChildren, setText } from "./elements.js";

const STILL_OVER_MS = 800; // a browser says so every 350 ms, give or take 200; HTML, Section 6.11.5

export class DropArea {
  #veil = byId("drop-veil");
  #space = byId("store-space");
  #inputs = [byId("choose-files"), byId("choose-folder")];
  #onFiles;

  /** @param {(found: AsyncIterable, space: string) => void} onFiles */
  constructor(onFiles) {
    this.#onFiles = onFiles;
    for (const input of this.#inputs) {
      input.addEventListener("change", () => {
        // The list of files empties with the input, which must be empty to take the same file again.
        this.#onFiles(chosenFiles({ files: [...input.files] }), this.#space.value);
        input.value = "";
      });
    }
    byId("choose-folder").closest("label").hidden = !("webkitdirectory" in HTMLInputElement.prototype);
    this.#takeDrops();
  }

  /**
   * Offer these spaces.
   *
   * @param {string | null} first the one to begin with; from then on only the reader's choice counts
   */
  offer(spaces, first) {
    const chosen = this.#space.value || first;
    setChildren(this.#space, spaces.join(), () => spaces.map((name) => element("option", { "data-key": name }, name)));
    if (this.#space.value !== chosen && spaces.includes(chosen)) this.#space.value = chosen;
    this.#space.closest("label").hidden = spaces.length < 2;
    for (const input of this.#inputs) input.disabled = !this.#space.value;
  }

  #takeDrops() {
    let over = null;
    const hide = () => {
      clearTimeout(over);
      this.#veil.hidden = true;
    };
    const show = (event) => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      const space = this.#space.value;
      event.dataTransfer.dropEffect = space ? "copy" : "none";
      setText(this.#veil.firstElementChild, space ? `Drop to store in ${space}` : "The server has not answered yet");
      this.#veil.hidden = false;
      // What is entered may be gone before it is left: that nothing is over the page any more says its silence.
      clearTimeout(over);
      over = setTimeout(hide, STILL_OVER_MS);
    };
    addEventListener("dragenter", show);
    addEventListener("dragover", show);
    addEventListener("drop", (event) => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      hide();
      if (this.#space.value) this.#onFiles(droppedFiles(event.dataTransfer), this.#space.value);
    });
  }
}

function hasFiles({ dataTransfer }) {
  return Boolean(dataTransfer?.types.includes("Files"));
}
