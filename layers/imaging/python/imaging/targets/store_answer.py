"""What a DICOMweb server says of the instances that were stored on it; PS3.18 Section 10.5.3 and Annex I."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from imaging.distribution.store_failure import failure_of
from imaging.errors import Rejected, Unavailable
from imaging.targets.http_endpoint import Answer

_FAILED_SOP_SEQUENCE = "00081198"
_REFERENCED_SOP_SEQUENCE = "00081199"
_REFERENCED_SOP_INSTANCE_UID = "00081155"
_FAILURE_REASON = "00081197"


@dataclass(frozen=True)
class StoreAnswer:
    """One answer.

    Attributes
    ----------
    failures
        Failure Reason by SOP Instance UID; None where the server names none.
    confirmed
        SOP Instance UIDs that the server says it has stored.
    is_readable
        False of something else than JSON, or of JSON that was cut: what it says of failures is not known.
    """

    status: int
    failures: Mapping[str, int | None]
    confirmed: frozenset[str]
    is_readable: bool

    @classmethod
    def of(cls, answer: Answer) -> "StoreAnswer":
        """Read an answer; one without a Store Instances Response Module says nothing of any instance."""
        module, is_readable = {}, True
        try:
            module = json.loads(answer.content or b"{}")
        except (ValueError, RecursionError):
            is_readable = False
        failed = dict(_items(module, _FAILED_SOP_SEQUENCE))
        stored = frozenset(uid for uid, _ in _items(module, _REFERENCED_SOP_SEQUENCE))
        return cls(answer.status, failed, stored - failed.keys(), is_readable)

    def has(self, sop_instance_uid: str) -> bool:
        """Whether the server has stored it; with 200 it need not say so, Table 10.5.3-1."""
        if sop_instance_uid in self.failures:
            return False
        return (self.status == HTTPStatus.OK and self.is_readable) or sop_instance_uid in self.confirmed

    def failure(self, sop_instance_uid: str) -> Rejected | Unavailable | None:
        """Why it was not stored; None if the server does not say that it was not."""
        if sop_instance_uid not in self.failures:
            return None
        return failure_of(self.failures[sop_instance_uid])


def _items(module: Any, tag: str) -> Iterator[tuple[str, int | None]]:  # noqa: ANN401 - JSON of somebody else
    """SOP Instance UID and Failure Reason of each item of a sequence, as far as it has them."""
    for item in _values(module, tag):
        uids, reasons = _values(item, _REFERENCED_SOP_INSTANCE_UID), _values(item, _FAILURE_REASON)
        if uids and isinstance(uids[0], str):
            yield uids[0], reasons[0] if reasons and isinstance(reasons[0], int) else None


def _values(data_set: Any, tag: str) -> list[Any]:  # noqa: ANN401
    if isinstance(data_set, list):  # Table 10.5.3-1 has one data set; servers send it in an array as well
        data_set = data_set[0] if data_set else {}
    element = data_set.get(tag) if isinstance(data_set, dict) else None
    values = element.get("Value") if isinstance(element, dict) else None
    return values if isinstance(values, list) else []
