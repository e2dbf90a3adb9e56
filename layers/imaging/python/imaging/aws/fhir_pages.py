"""Where the next page of a search is.

References
----------
https://hl7.org/fhir/R4/search.html
https://hl7.org/fhir/R4/http.html#paging
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from imaging.aws.fhir_answer import objects_in


@dataclass(frozen=True)
class PageAddress:
    """Where a page is asked for.

    Attributes
    ----------
    path
        Below the base: ``Patient/_search`` is posted to; "" where a server keeps its pages at the base.
    query
        Names and values, as they are before any encoding.
    """

    path: str
    query: Sequence[tuple[str, str]]

    @classmethod
    def first(cls, resource_type: str, query: Mapping[str, str]) -> "PageAddress":
        """Of a search by these criteria."""
        return cls(f"{resource_type}/_search", tuple(query.items()))

    @classmethod
    def following(cls, page: Mapping[str, Any], resource_type: str) -> "PageAddress | None":
        """Of the page that a page links to as the next one, if there is one.

        The link's host may be one that only the server itself can reach, and
        its query is written anew, since the two sides of a signature may differ
        in how they read an address that somebody else wrote.
        """
        links = (link.get("url") for link in objects_in(page, "link") if link.get("relation") == "next")
        url = urlsplit(str(next(links, None) or ""))
        if not url.query:
            return None
        segments = [segment for segment in url.path.split("/") if segment not in ("", "_search")]
        path = f"{resource_type}/_search" if segments and segments[-1] == resource_type else ""
        return cls(path, tuple(parse_qsl(url.query, keep_blank_values=True)))
