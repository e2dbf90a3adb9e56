"""A notice, as subscribers outside the bus get it: the event in one JSON document, the same for all of them."""

import json

from imaging.model.events import SOURCE, Event


def notice(event: Event) -> str:
    """The document, with the names that EventBridge gives its parts."""
    return json.dumps({"source": SOURCE, "detail-type": event.detail_type, "detail": event.detail})


def natural_key(event: Event) -> str:
    """What names the change or the revision, and any repeat of the notice: space, UIDs and number by slashes."""
    detail = event.detail
    named = ("series", "instance", "change_number") if "instance" in detail else ("revision",)
    return "/".join(str(detail[name]) for name in ("space", "study", *named))
