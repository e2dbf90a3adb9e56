"""pynetdicom as it shall be here: our timeouts, and strict only where we are."""

import logging
import sys

from pynetdicom import AE, _config

from imaging.dimse.pdus import MAX_PDU_LENGTH_BYTES

IDLE_SECONDS = 300.0
"""Between two messages; shorter than the 350 seconds after which a load balancer forgets a connection."""

NEGOTIATION_SECONDS = 15.0
"""From the connection to the request for an association."""

_RESPONSE_SECONDS = 60.0


def application_entity() -> AE:
    """Make an AE with our timeouts; what it supports, the `AssociationPolicy` says of each association."""
    lift_restrictions()
    ae = AE()  # its own title is never used: the called one chooses the space
    ae.maximum_associations = sys.maxsize  # `AssociationLimit` bounds them, over several processes
    ae.maximum_pdu_size = MAX_PDU_LENGTH_BYTES
    ae.network_timeout = IDLE_SECONDS
    ae.acse_timeout = NEGOTIATION_SECONDS
    ae.dimse_timeout = _RESPONSE_SECONDS
    return ae


def lift_restrictions() -> None:
    """Set pynetdicom's switches, which are the process's."""
    # Devices put into AE titles and UIDs what the standard forbids; what we need of them is checked where it is used.
    _config.CODECS = ("ascii", "latin-1")
    _config.VALIDATORS = {"AE": _anything, "UI": _anything}
    # Its log quotes what it receives.
    _config.LOG_HANDLER_LEVEL = "none"
    logging.getLogger("pynetdicom").setLevel(logging.CRITICAL + 1)


def _anything(value: str) -> tuple[bool, str]:
    return True, ""
