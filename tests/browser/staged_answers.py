"""What the page of what came in is told, where no running system does so on demand."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Page, Route

SPACES = ("main", "research")
_OF_THE_PAGE = re.compile(r"/$|/page/")
_FEED = re.compile(r"/spaces/(\w+)/changefeed(/latest)?$")


class StagedAnswers:
    """Answers whatever the page asks; its own files are the system's.

    Attributes
    ----------
    studies
        Entries of `/arrivals`, in any order.
    status
        What `/status` says; None: nothing yet.
    failing
        Paths that are answered with a status in place of what they say, as regular expressions.
    asked
        Methods and addresses, in order.
    """

    def __init__(self, page: Page) -> None:
        self.studies: list[dict[str, Any]] = []
        self.status: dict[str, Any] | None = None
        self.failing: dict[str, int] = {}
        self.asked: list[str] = []
        self._changes: dict[str, list[str]] = {space: [] for space in SPACES}
        page.route(lambda address: not _OF_THE_PAGE.match(urlsplit(address).path), self._answer)

    def has(self, number: int, **members: Any) -> dict[str, Any]:
        """Hold a study that came in that many seconds after the first; the feed tells of it."""
        study, arrived_at = f"2.25.{number}", moment(number)
        entry: dict[str, Any] = {
            "space": "main",
            "study": study,
            "patient": {"name": "Meier, Anna", "id": f"P{number}"},
            "modalities": ["SR"],
            "series": 1,
            "instances": 1,
            "arrived_at": arrived_at,
            "last_change_at": arrived_at,
            "state": "final",
            "revision": 1,
            "fhir": {"state": "none"},
            "links": {
                "dicomweb": f"/spaces/main/studies/{study}",
                "revisions": f"/spaces/main/studies/{study}/revisions",
                "display": f"/IHEInvokeImageDisplay?requestType=STUDY&studyUID={study}",
            },
            **members,
        }
        self.studies.append(entry)
        self.tell(entry)
        return entry

    def tell(self, entry: dict[str, Any]) -> None:
        """Let the feed of its space tell of a study."""
        self._changes[entry["space"]].append(entry["study"])

    def asked_for(self, pattern: str) -> list[str]:
        """Those of the requests so far."""
        return [request for request in self.asked if re.search(pattern, request)]

    def _answer(self, route: Route) -> None:
        address, method = urlsplit(route.request.url), route.request.method
        self.asked.append(f"{method} {address.path}?{address.query}")
        for pattern, status in self.failing.items():
            if re.search(pattern, address.path):
                route.fulfill(status=status, json={"error": "Not now."})
                return
        if address.path == "/spaces":
            route.fulfill(json=[{"space": space, "studies": 1, "instances": 1, "bytes": 1} for space in SPACES])
        elif address.path == "/status" and self.status:
            route.fulfill(json=self.status)
        elif address.path == "/arrivals":
            self._arrivals(route, parse_qs(address.query))
        elif feed := _FEED.match(address.path):
            rows = [{"sequence": at + 1, "studyInstanceUid": uid} for at, uid in enumerate(self._changes[feed[1]])]
            offset = int(parse_qs(address.query).get("offset", ["0"])[0])
            route.fulfill(json={"sequence": len(rows)} if feed[2] else rows[offset:])
        elif method == "POST":
            route.fulfill(json={"00081199": {"vr": "SQ", "Value": [{}]}})
        else:
            route.fulfill(status=204)

    def _arrivals(self, route: Route, query: dict[str, list[str]]) -> None:
        newest_first = sorted(self.studies, key=lambda entry: str(entry["arrived_at"]), reverse=True)
        start, limit = (int(query.get(name, ["0"])[0]) for name in ("after", "limit"))
        goes_on = start + limit < len(newest_first)
        link = {"Link": f'</arrivals?limit={limit}&after={start + limit}>; rel="next"'} if goes_on else {}
        route.fulfill(json=newest_first[start : start + limit], headers=link)


def moment(second: int) -> str:
    """A time of arrival, all of them yesterday."""
    yesterday = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=1)
    return (yesterday + timedelta(seconds=second)).isoformat()
