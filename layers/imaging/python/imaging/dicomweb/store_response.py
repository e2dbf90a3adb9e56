"""The Store Instances Response Module; PS3.18 Section 10.5.3 and Annex I."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, TypeAlias

from imaging.dicomweb.media_types import DICOM_JSON
from imaging.dicomweb.message import Response, json_bytes
from imaging.dicomweb.status import failure_reason
from imaging.errors import Rejected
from imaging.model.links import Links
from imaging.pipeline.store_instance import Stored

PRIVATE_CREATOR = "IMAGING INGESTION"
VALUES_BREAK_THEIR_VR = 0xB007
"""Table I.2-1: the Data Set did not match the constraints of the SOP Class."""

Attributes: TypeAlias = dict[str, dict[str, Any]]


def store_response(outcomes: Sequence[Stored | Rejected], links: Links) -> Response:
    """Tell what became of each instance, in the order of the request.

    200 if all were stored, 202 if there is something to say of some, 409 if
    none was stored: Table 10.5.3-1.
    """
    stored = [outcome for outcome in outcomes if isinstance(outcome, Stored)]
    refused = [outcome for outcome in outcomes if isinstance(outcome, Rejected)]
    # An item of Failed SOP Sequence must name its instance; what has no name goes to the other sequence.
    named = [failure for failure in refused if failure.sop_class_uid and failure.sop_instance_uid]
    nameless = [failure for failure in refused if failure not in named]
    module: Attributes = {
        "00081190": _retrieve_url(stored, links),
        **_sequence("00081198", [{**_reference(*_uids(failure)), **_failure(failure)} for failure in named]),
        **_sequence(
            "00081199",
            [
                {
                    **_reference(instance.sop_class_uid, instance.key.sop_instance_uid),
                    "00081190": _attribute("UR", links.instance(instance.key)),
                    **_warning(instance),
                }
                for instance in stored
            ],
        ),
        **_sequence("0008119A", [_failure(failure) for failure in nameless]),
    }
    if not stored:
        status = HTTPStatus.CONFLICT
    elif refused or any(instance.broken for instance in stored):
        status = HTTPStatus.ACCEPTED
    else:
        status = HTTPStatus.OK
    return Response(status, {"Content-Type": DICOM_JSON}, json_bytes(module))


def _retrieve_url(stored: Sequence[Stored], links: Links) -> dict[str, Any]:
    """The study's, if there is one study; otherwise empty, as type 2 allows."""
    studies = {instance.key.study for instance in stored}
    return _attribute("UR", *(links.study(study) for study in studies if len(studies) == 1))


def _failure(failure: Rejected) -> Attributes:
    """Why, in a number and in a sentence.

    Annex I has no attribute for the sentence, and Error Comment (0000,0902)
    belongs to DIMSE and ends after 64 characters: it is a private element.
    """
    return {
        "00081197": _attribute("US", failure_reason(failure.reason)),
        "00090010": _attribute("LO", PRIVATE_CREATOR),
        "00091001": _attribute("UT", str(failure)),
    }


def _warning(instance: Stored) -> Attributes:
    """What was stored as it came and will not be found by: Warning Reason, and the attributes in question."""
    if not instance.broken:
        return {}
    return {
        "00081196": _attribute("US", VALUES_BREAK_THEIR_VR),
        **_sequence("00741048", [_selector(path) for path in instance.broken]),
    }


def _selector(path: str) -> Attributes:
    """The Selector Attribute Macro, PS3.3 Table 10-20; items of sequences count from 1."""
    *above, tag = path.split("/")
    selector = {"00720026": _attribute("AT", tag)}
    if above:
        selector["00720052"] = _attribute("AT", *above[::2])
        selector["00741057"] = _attribute("IS", *(int(item) + 1 for item in above[1::2]))
    return selector


def _uids(failure: Rejected) -> tuple[str, str]:
    return failure.sop_class_uid, failure.sop_instance_uid


def _reference(sop_class_uid: str, sop_instance_uid: str) -> Attributes:
    """The SOP Instance Reference Macro, PS3.3 Table 10-11."""
    return {"00081150": _attribute("UI", sop_class_uid), "00081155": _attribute("UI", sop_instance_uid)}


def _sequence(tag: str, items: list[Attributes]) -> Attributes:
    return {tag: {"vr": "SQ", "Value": items}} if items else {}


def _attribute(vr: str, *values: str | int) -> dict[str, Any]:
    return {"vr": vr, "Value": list(values)} if values else {"vr": vr}
