/** Takes files: the whole page by drop, two buttons for those who have no mouse, and the space they go to. */

import { chosenFiles, droppedFiles } from "./dropped_files.js";
import { byId, element, setText } from "./elements.js";

export class DropArea {
  #veil = byId("drop-veil");
  #space = byId("store-space");
  #onFiles;

  /** @param {(found: AsyncIterable, space: string) => void} onFiles */
  constructor(onFiles) {
    this.#onFiles = onFiles;
    for (const name of ["choose-files", "choose-folder"]) {
      const input = byId(name);
      input.addEventListener("change", () => {
        // The list of files empties with the input, which must be empty to take the same file again.
        this.#onFiles(chosenFiles({ files: [...input.files] }), this.#space.value);
        input.value = "";
      });
    }
    byId("choose-folder").closest("label").hidden = !("webkitdirectory" in HTMLInputElement.prototype);
    this.#takeDrops();
  }

  /** Offer these spaces, and of them the one that the page is about. */
  offer(spaces, chosen) {
    if (this.#space.options.length !== spaces.length) {
      this.#space.replaceChildren(...spaces.map((space) => element("option", {}, space)));
    }
    if (chosen && spaces.includes(chosen)) this.#space.value = chosen;
    this.#space.closest("label").hidden = spaces.length < 2;
  }

  #takeDrops() {
    let depth = 0; // each element that is entered tells so, before the one that is left
    const show = (isOver) => {
      this.#veil.hidden = !isOver;
      if (isOver) setText(this.#veil.firstElementChild, `Drop to store in ${this.#space.value}`);
    };
    addEventListener("dragenter", (event) => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      depth += 1;
      show(true);
    });
    addEventListener("dragleave", (event) => {
      if (!hasFiles(event)) return;
      depth -= 1;
      if (depth <= 0) show(false);
    });
    addEventListener("dragover", (event) => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      event.dataTransfer.dropEffect = "copy";
    });
    addEventListener("drop", (event) => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      depth = 0;
      show(false);
      this.#onFiles(droppedFiles(event.dataTransfer), this.#space.value);
    });
  }
}

function hasFiles({ dataTransfer }) {
  return Boolean(dataTransfer?.types.includes("Files"));
}
