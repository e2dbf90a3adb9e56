"""C-ECHO, PS3.7 Section 9.1.5: the verification service of PS3.4 Annex A."""

from pynetdicom.dimse_primitives import C_ECHO

from imaging.dimse.exchange import Exchange
from imaging.dimse.status import SUCCESS, response

VERIFICATION = "1.2.840.10008.1.1"


class CEcho:
    """Says that we are here."""

    def answer(self, _request: C_ECHO, exchange: Exchange) -> None:
        """Answer with success."""
        exchange.respond(response(SUCCESS))
