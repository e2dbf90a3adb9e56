/** The files of a drop, folders walked to their ends. */

/**
 * What was dropped; to be called while the event lasts.
 *
 * @returns {AsyncGenerator<{file: File, path: string} | {path: string, error: string}>}
 */
export function droppedFiles(transfer) {
  const items = [...transfer.items]
    .filter(({ kind }) => kind === "file")
    .map((item) => item.webkitGetAsEntry?.() ?? item.getAsFile())
    .filter(Boolean);
  return walk(items);
}

/** The same of an `<input type=file>`. */
export async function* chosenFiles(input) {
  for (const file of input.files) yield { file, path: file.webkitRelativePath || file.name };
}

async function* walk(items) {
  for (const item of items) {
    if (item instanceof File) yield { file: item, path: item.name };
    else yield* entries(item);
  }
}

async function* entries(entry) {
  const path = entry.fullPath.replace(/^\//, "");
  try {
    if (entry.isFile) {
      yield { file: await new Promise((resolve, reject) => entry.file(resolve, reject)), path };
      return;
    }
    const reader = entry.createReader();
    for (;;) {
      // A browser gives a folder in parts, Chromium a hundred at a time; none left is its end.
      const part = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
      if (!part.length) return;
      for (const each of part) yield* entries(each);
    }
  } catch (error) {
    if (!(error instanceof DOMException)) throw error;
    yield { path, error: "It could not be read from disk." };
  }
}
