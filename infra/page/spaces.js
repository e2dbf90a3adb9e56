/** The storage spaces with their counts; each leads to what came into it. */

import { byId, element, setChildren } from "./elements.js";
import { bytes, count, counted } from "./words.js";

/** Show what `GET /spaces` says. */
export function showSpaces(spaces, chosen) {
  setChildren(byId("spaces"), JSON.stringify([spaces, chosen]), () =>
    spaces.map((each) =>
      element(
        "li",
        { "data-key": each.space },
        element(
          "a",
          {
            href: each.space === chosen ? "/" : `?space=${encodeURIComponent(each.space)}`,
            "aria-current": each.space === chosen ? "true" : null,
            title: each.space === chosen ? "Show all spaces" : `Show what came into ${each.space}`,
          },
          element("strong", {}, each.space),
          " ",
          element("span", {}, counted(each.studies, "study", "studies")),
          " ",
          element("span", { class: "size" }, counted(each.instances, "instance")),
          " ",
          element("span", { class: "size" }, bytes(each.bytes)),
          " ",
          ...(each.open_studies
            ? [element("span", { class: "open" }, `${count(each.open_studies)}${atLeast(each)} open`)]
            : []),
        ),
      ),
    ),
  );
}

function atLeast(space) {
  return space.open_studies_exact === false ? " or more" : "";
}
