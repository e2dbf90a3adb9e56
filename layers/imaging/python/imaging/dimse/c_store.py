"""C-STORE, PS3.7 Section 9.1.1: the data set's bytes as they came, stored before they are confirmed."""

from typing import cast

from pydicom import Dataset
from pynetdicom.dimse_primitives import C_STORE

from imaging.dicom.part10 import file_meta_information
from imaging.dicom.uid import check_uid
from imaging.dimse.exchange import Exchange
from imaging.dimse.journal import AssociationRecord, Journal, Refusal
from imaging.dimse.spool import Spool
from imaging.dimse.status import OUT_OF_RESOURCES, PROCESSING_FAILURE, STATUS_OF_REASON, SUCCESS, response
from imaging.errors import Rejected, RejectReason, Unavailable
from imaging.model.instance import Door
from imaging.pipeline.store_instance import Stored, StoreInstance

# The use case compares the data set with the File Meta Information; here that holds what the request said.
_NAMED_OTHERWISE = "The request names another SOP Class or Instance than the data."


class CStore:
    """The service, for all associations.

    Parameters
    ----------
    max_object_bytes
        A larger data set is read to its end, not kept, and refused.
    """

    def __init__(self, store_instance: StoreInstance, journal: Journal, max_object_bytes: int) -> None:
        self._store_instance = store_instance
        self._journal = journal
        self._max_object_bytes = max_object_bytes

    def spool(self, request: C_STORE, transfer_syntax_uid: str) -> Spool:
        """Make what the data set of a request is kept in while it comes in: the beginning of a file."""
        refusal, file_meta = None, b""
        try:
            sop_class_uid = check_uid("AffectedSOPClassUID", request.AffectedSOPClassUID)
            sop_instance_uid = check_uid("AffectedSOPInstanceUID", request.AffectedSOPInstanceUID)
            file_meta = file_meta_information(sop_class_uid, sop_instance_uid, transfer_syntax_uid)
        except Rejected as rejected:
            refusal = rejected
        return Spool(file_meta, self._max_object_bytes, refusal)

    def answer(self, request: C_STORE, exchange: Exchange) -> None:
        """Store the instance of a request, and say what became of it."""
        exchange.respond(self._outcome(request, exchange.record))

    def _outcome(self, request: C_STORE, association: AssociationRecord) -> Dataset:
        try:
            stored = self._store(request, association)
        except Rejected as rejected:
            status, cause = STATUS_OF_REASON[rejected.reason], rejected.reason.value
            comment = _NAMED_OTHERWISE if rejected.reason is RejectReason.SOP_CLASS_MISMATCH else str(rejected)
        except Unavailable as unavailable:
            status, cause = OUT_OF_RESOURCES, str(unavailable)
            comment = "The archive cannot store now; send it again later."
        except Exception as failure:  # the outermost guard of this door
            status, cause = PROCESSING_FAILURE, type(failure).__name__
            comment = "The archive failed; its log says more."
        else:
            association.stored += 1
            association.studies.add(stored.key.study)
            return response(SUCCESS)
        association.refused += 1
        uids = _uid_or_nothing(request.AffectedSOPClassUID), _uid_or_nothing(request.AffectedSOPInstanceUID)
        self._journal.refused(association, Refusal(status, cause, *uids))
        return response(status, comment)

    def _store(self, request: C_STORE, association: AssociationRecord) -> Stored:
        received = cast(Spool, request.DataSet)  # the association closes it
        association.bytes_received += received.size_bytes
        return self._store_instance(
            association.space, received.body(), door=Door.C_STORE, calling_ae_title=association.calling_ae_title
        )


def _uid_or_nothing(text: str | None) -> str:
    """For the log, where nothing else that a peer sends may come."""
    try:
        return check_uid("UID", text)
    except Rejected:
        return ""
