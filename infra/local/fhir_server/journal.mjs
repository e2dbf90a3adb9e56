/** What was committed, a line a request, so that a restart finds it again. */
import { appendFileSync, mkdirSync, openSync, readFileSync, truncateSync } from 'node:fs';
import { dirname } from 'node:path';

export class Journal {
  #descriptor;

  constructor(file) {
    this.file = file;
    mkdirSync(dirname(file), { recursive: true });
    this.#descriptor = openSync(file, 'a+');
  }

  /** Apply every line to the repository; a torn last line was never answered, and goes. */
  replay(repository) {
    const bytes = readFileSync(this.file);
    const end = bytes.lastIndexOf('\n') + 1;
    if (end < bytes.length) {
      truncateSync(this.file, end);
    }
    const lines = bytes.subarray(0, end).toString().split('\n').slice(0, -1);
    lines.forEach((line, index) => this.#parse(line, index + 1).forEach((change) => repository.restore(change)));
  }

  /** Keep the changes of one request: they are with the operating system when this returns. */
  append(changes) {
    if (changes.length) {
      appendFileSync(this.#descriptor, `${JSON.stringify(changes)}\n`);
    }
  }

  #parse(line, number) {
    try {
      return JSON.parse(line);
    } catch {
      throw new Error(`${this.file} is damaged in line ${number}; remove the line, or delete the file to start without FHIR resources.`);
    }
  }
}
