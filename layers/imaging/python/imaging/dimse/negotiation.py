"""What an association may bring: every storage SOP class in every transfer syntax; PS3.8 Section 7.1."""

import logging

from pynetdicom import AE, _config, register_uid, sop_class
from pynetdicom.presentation import NonPatientObjectPresentationContexts
from pynetdicom.service_class import StorageServiceClass

from imaging.dimse.c_echo import VERIFICATION
from imaging.dimse.connection import MAX_PDU_LENGTH_BYTES

# Idle time between two messages; shorter than the 350 seconds after which a load balancer forgets a connection.
_IDLE_SECONDS = 300.0
_NEGOTIATION_SECONDS = 15.0
_RESPONSE_SECONDS = 60.0


def application_entity(max_associations: int) -> AE:
    """Make an AE that takes what any sender proposes.

    Of a presentation context the first transfer syntax proposed is accepted:
    the sender lists first what it need not convert.

    Parameters
    ----------
    max_associations
        At one time; more are rejected as transient, local limit exceeded.
    """
    lift_restrictions()
    ae = AE()  # its own title is never used: the called one chooses the space
    ae.add_supported_context(VERIFICATION)
    ae.maximum_associations = max_associations
    ae.maximum_pdu_size = MAX_PDU_LENGTH_BYTES
    ae.network_timeout = _IDLE_SECONDS
    ae.acse_timeout = _NEGOTIATION_SECONDS
    ae.dimse_timeout = _RESPONSE_SECONDS
    return ae


def lift_restrictions() -> None:
    """Set pynetdicom's switches, which are the process's."""
    _config.UNRESTRICTED_STORAGE_SERVICE = True
    for context in NonPatientObjectPresentationContexts:  # a storage service of its own, PS3.4 Annex GG
        if context.abstract_syntax:
            register_uid(context.abstract_syntax, context.abstract_syntax.keyword, StorageServiceClass)
    # What pynetdicom knows by another name than pydicom, Modality Worklist among it, it would take for storage.
    for known in list(vars(sop_class).values()):
        if isinstance(known, sop_class.SOPClass) and known.keyword:
            setattr(sop_class, known.keyword, known)
    # Devices put into AE titles and UIDs what the standard forbids; what we need of them is checked where it is used.
    _config.CODECS = ("ascii", "latin-1")
    _config.VALIDATORS = {"AE": _anything, "UI": _anything}
    # Its log quotes what it receives.
    _config.LOG_HANDLER_LEVEL = "none"
    logging.getLogger("pynetdicom").setLevel(logging.CRITICAL + 1)


def _anything(value: str) -> tuple[bool, str]:
    return True, ""
