"""Dates and moments as XML and the web write them; XML Schema Part 2 Sections 3.3.7 and 3.3.9, RFC 3339."""

import re

from imaging.reading.moment import Span, date_time_span

_MOMENT = re.compile(
    r"(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"([Tt](?P<time>[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?))?"
    r"(?P<zone>[Zz]|[+ -][0-9]{2}:[0-9]{2})?\Z"
)


def moment_span(text: str) -> Span | None:
    """A date or a date and a time, perhaps with an offset from UTC; None if it is neither.

    A date is all of its day. The plus sign of an offset may have become a
    space, as it does in a query where nobody encodes it.
    """
    found = _MOMENT.match(text)
    if found is None:
        return None
    day, time, zone = found["day"].replace("-", ""), (found["time"] or "").replace(":", ""), found["zone"] or ""
    seconds, point, fraction = time.partition(".")
    offset = "+0000" if zone in ("Z", "z", "-00:00") else zone.replace(":", "").replace(" ", "+")
    return date_time_span(f"{day}{seconds}{point}{fraction[:6]}{offset}")
