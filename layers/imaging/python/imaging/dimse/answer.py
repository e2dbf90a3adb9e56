"""The primitives of responses, from those of requests; PS3.7 Sections 9.1 and 10.1."""

from io import BytesIO

from pynetdicom.dimse_primitives import (
    C_ECHO,
    C_FIND,
    C_GET,
    C_MOVE,
    C_STORE,
    N_ACTION,
    N_EVENT_REPORT,
    DIMSEPrimitive,
)

# What a response repeats of its request, beside the Message ID.
_REPEATED: dict[type[DIMSEPrimitive], tuple[str, ...]] = {
    C_ECHO: ("AffectedSOPClassUID",),
    C_STORE: ("AffectedSOPClassUID", "AffectedSOPInstanceUID"),
    C_FIND: ("AffectedSOPClassUID",),
    C_GET: ("AffectedSOPClassUID",),
    C_MOVE: ("AffectedSOPClassUID",),
    N_EVENT_REPORT: ("AffectedSOPClassUID", "AffectedSOPInstanceUID", "EventTypeID"),
    N_ACTION: ("ActionTypeID",),
}
_DATA_SET = {
    C_FIND: "Identifier",
    C_GET: "Identifier",
    C_MOVE: "Identifier",
    N_ACTION: "ActionReply",
    N_EVENT_REPORT: "EventReply",
}


def answer_to(request: DIMSEPrimitive, data_set: bytes = b"") -> DIMSEPrimitive:
    """Begin the response to a request of one of these kinds; others are answered with no more than a status.

    Parameters
    ----------
    data_set
        That goes with it; none where it is empty.
    """
    answer = type(request)()
    answer.MessageIDBeingRespondedTo = request.MessageID
    for name in _REPEATED.get(type(request), ()):
        setattr(answer, name, getattr(request, name))
    if isinstance(request, N_ACTION):  # PS3.7 10.1.4: it asks by one name and is answered by another
        for name in ("SOPClassUID", "SOPInstanceUID"):
            setattr(answer, f"Affected{name}", getattr(request, f"Requested{name}"))
    if data_set:
        setattr(answer, _DATA_SET[type(request)], BytesIO(data_set))
    return answer
