"""C-STORE, PS3.7 Section 9.1.1: the data set's bytes as they came, stored before they are confirmed."""

from io import BytesIO
from typing import cast

from pydicom import Dataset
from pynetdicom.dimse import DIMSEServiceProvider
from pynetdicom.dimse_primitives import C_STORE

from imaging.dicom.part10 import file_meta_information
from imaging.dicom.uid import check_uid
from imaging.dimse.exchange import Exchange
from imaging.dimse.journal import AssociationRecord, Journal, Refusal
from imaging.dimse.status import OUT_OF_RESOURCES, PROCESSING_FAILURE, STATUS_OF_REASON, SUCCESS, response
from imaging.errors import Rejected, RejectReason, Unavailable
from imaging.model.instance import Door
from imaging.pipeline.store_instance import Stored, StoreInstance

# The use case compares the data set with the File Meta Information; here that holds what the request said.
_NAMED_OTHERWISE = "The request names another SOP Class or Instance than the data."


class _Discarding(BytesIO):
    """Where the rest of a data set goes that is larger than we take."""

    def write(self, _buffer: object) -> int:
        """Keep nothing."""
        return 0


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

    def bound(self, dimse: DIMSEServiceProvider) -> None:
        """Look at the message that is coming in; called for every PDU."""
        message = dimse.message
        if message and message.data_set and message.data_set.tell() > self._max_object_bytes:
            message.data_set = _Discarding()

    def answer(self, request: C_STORE, exchange: Exchange) -> None:
        """Store the instance of a request, and say what became of it."""
        exchange.respond(self._outcome(request, exchange.context.transfer_syntax_uid, exchange.record))

    def _outcome(self, request: C_STORE, transfer_syntax_uid: str, association: AssociationRecord) -> Dataset:
        try:
            stored = self._store(request, transfer_syntax_uid, association)
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
        uids = str(request.AffectedSOPClassUID), str(request.AffectedSOPInstanceUID)
        self._journal.refused(association, Refusal(status, cause, *uids))
        return response(status, comment)

    def _store(self, request: C_STORE, transfer_syntax_uid: str, association: AssociationRecord) -> Stored:
        received = cast(BytesIO, request.DataSet)  # a request without one does not come this far
        if isinstance(received, _Discarding):
            raise Rejected(
                RejectReason.TOO_LARGE, f"C-STORE takes data sets of up to {self._max_object_bytes} bytes here."
            )
        sop_class_uid = check_uid("AffectedSOPClassUID", request.AffectedSOPClassUID)
        sop_instance_uid = check_uid("AffectedSOPInstanceUID", request.AffectedSOPInstanceUID)
        file_meta = file_meta_information(sop_class_uid, sop_instance_uid, transfer_syntax_uid)
        part10 = b"".join((file_meta, received.getvalue()))
        received.close()  # one copy in memory is enough while the archive takes its time
        return self._store_instance(
            association.space, part10, door=Door.C_STORE, calling_ae_title=association.calling_ae_title
        )
