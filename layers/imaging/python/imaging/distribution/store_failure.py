"""Why a target did not store an instance, and whether trying again helps; PS3.18 Annex I and PS3.7 Annex C."""

from imaging.errors import Rejected, RejectReason, Unavailable

# What is worth another try; every other failure is for good.
_OUT_OF_RESOURCES = range(0xA700, 0xA800)
_TRANSIENT = {0x0110, 0x0213}  # processing failure, resource limitation
_SENTENCES = {
    0x0111: (
        RejectReason.OTHER_BYTES_STORED,
        "has an instance of this SOP Instance UID already and keeps it (duplicate)",
    ),
    0x0122: (RejectReason.NOT_ACCEPTABLE, "does not store this SOP Class"),
    0x0124: (RejectReason.MALFORMED_REQUEST, "does not let us store here; mend the binding's authorization"),
    0xC122: (RejectReason.NOT_ACCEPTABLE, "does not take the transfer syntax that the instance is stored in"),
}


def failure_of(reason: int | None) -> Rejected | Unavailable:
    """A Failure Reason, or the status of a C-STORE response, in our words."""
    if reason is None:
        return Rejected(RejectReason.MALFORMED_REQUEST, "The target refuses the instance without saying why.")
    if reason in _OUT_OF_RESOURCES or reason in _TRANSIENT:
        return Unavailable(f"The target cannot store the instance now (0x{reason:04X}); it is tried again.")
    if reason in _SENTENCES:
        kind, sentence = _SENTENCES[reason]
    elif reason in range(0xA900, 0xAA00):
        kind, sentence = RejectReason.SOP_CLASS_MISMATCH, "says that the data set does not match its SOP Class"
    else:
        kind, sentence = RejectReason.MALFORMED_REQUEST, "cannot make anything of the instance; its own log says why"
    return Rejected(kind, f"The target {sentence} (0x{reason:04X}).")
