/** Puts the page together. */

import { announce } from "./announcements.js";
import { Arrivals } from "./arrivals.js";
import { eachSecond, learn, now } from "./clock.js";
import { watchConnection } from "./connection.js";
import { DropArea } from "./drop_area.js";
import { byId, element, setText } from "./elements.js";
import { FeedWatcher } from "./feed_watcher.js";
import { Filters } from "./filters.js";
import { Pulse } from "./pulse.js";
import { getJson, Refused } from "./request.js";
import { showSpaces } from "./spaces.js";
import { showStatus } from "./status_strip.js";
import { StudyList } from "./study_list.js";
import { secondsUntilNews } from "./study_state.js";
import { UploadPanel } from "./upload_panel.js";
import { Uploads } from "./uploads.js";
import { counted } from "./words.js";

const SPACES_SECONDS = 10;
const STATUS_SECONDS = 30;
const IDLE_SECONDS = 60;

watchConnection();
const list = new StudyList();
const uploads = new Uploads();
new UploadPanel(uploads);
const drops = new DropArea((found, space) => uploads.add(found, space));
const filters = new Filters(() => start());

let arrivals;
let reading = new AbortController();
let changed = new Set();
let spaces = [];
let status = null;

const arrivalsPulse = new Pulse(readArrivals, IDLE_SECONDS);
const spacesPulse = new Pulse(readSpaces, SPACES_SECONDS);
const statusPulse = new Pulse(readStatus, STATUS_SECONDS);
const feeds = new FeedWatcher((news) => {
  for (const key of news) changed.add(key);
  arrivalsPulse.wake();
});

eachSecond((moment) => {
  list.tick(moment);
  showStatus(status, moment);
});
byId("older").addEventListener("click", readOlder);
byId("spaces").addEventListener("click", chooseSpace);
start();
spacesPulse.wake();
statusPulse.wake();

/** Read from the beginning, as the filters are now. */
function start() {
  reading.abort(new DOMException("Other filters", "AbortError"));
  reading = new AbortController();
  arrivals = null;
  byId("studies").setAttribute("aria-busy", "true");
  byId("older").hidden = true;
  showSpaces(spaces, filters.query.get("space"));
  arrivalsPulse.wake();
}

async function readArrivals() {
  const { signal } = reading;
  const isFirst = arrivals === null;
  const read = arrivals ?? new Arrivals(filters.query);
  const news = changed;
  changed = new Set();
  try {
    await read.refresh(news, { signal });
    signal.throwIfAborted(); // the filters may have changed between the last answer and here
  } catch (error) {
    if (error.name === "AbortError") return 0;
    for (const key of news) changed.add(key);
    if (isFirst) showNothing(error.message);
    throw error;
  }
  if (isFirst) list.clear();
  arrivals = read;
  showArrivals(isFirst);
  return Math.min(IDLE_SECONDS, ...arrivals.newestFirst.map((entry) => secondsUntilNews(entry, now())));
}

function showArrivals(isFirst) {
  const entries = arrivals.newestFirst;
  byId("studies").setAttribute("aria-busy", "false");
  list.show(entries, { isFirst });
  byId("older").hidden = !arrivals.hasOlder;
  setText(byId("warning"), arrivals.warning ? "Not all that is older has been looked through. " : "");
  if (isFirst && filters.query.size) announce("arrivals", `${counted(entries.length, "study", "studies")} shown.`);
  if (entries.length) byId("nothing").hidden = true;
  else showNothing("");
}

async function readOlder() {
  const button = byId("older");
  if (button.ariaDisabled === "true") return;
  const last = byId("study-list").lastElementChild;
  const { signal } = reading;
  button.ariaDisabled = "true"; // a disabled one would lose the focus
  try {
    await arrivals.readOlder({ signal });
    signal.throwIfAborted();
    showArrivals(false);
    (last?.nextElementSibling?.querySelector("a") ?? (button.hidden ? byId("studies") : button)).focus();
  } catch (error) {
    if (error.name === "AbortError") return;
    setText(byId("warning"), `${error.message} `);
    announce("arrivals", error.message);
  } finally {
    button.ariaDisabled = null;
  }
}

async function readSpaces() {
  const { body, date } = await getJson("/spaces");
  learn(date);
  spaces = body;
  const names = spaces.map(({ space }) => space);
  filters.offer(names);
  showSpaces(spaces, filters.query.get("space"));
  drops.offer(names, filters.query.get("space"));
  feeds.watch(spaces);
}

async function readStatus() {
  try {
    status = (await getJson("/status")).body;
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    status = null;
  }
  showStatus(status, now());
}

/** Without loading the page anew. */
function chooseSpace(event) {
  const link = event.target.closest("a");
  if (!link || event.metaKey || event.ctrlKey || event.shiftKey || event.button) return;
  event.preventDefault();
  filters.choose("space", new URL(link.href).searchParams.get("space") ?? "");
}

function showNothing(sentence) {
  const nothing = byId("nothing");
  byId("studies").setAttribute("aria-busy", "false");
  const isKnown = !nothing.hidden && nothing.textContent === sentence;
  nothing.hidden = false;
  if (sentence) {
    list.clear();
    if (!isKnown) announce("arrivals", sentence);
    nothing.replaceChildren(element("p", {}, sentence));
  } else if (filters.query.size) {
    const where = arrivals?.hasOlder ? "No study of the newest is like that." : "No study is like that.";
    nothing.replaceChildren(element("p", { class: "nothing-title" }, where));
  } else {
    nothing.replaceChildren(
      element("p", { class: "nothing-title" }, "Nothing has come in yet."),
      element("p", {}, "Drop DICOM files anywhere on this page, or send them by STOW-RS, C-STORE or incoming/."),
    );
  }
}
