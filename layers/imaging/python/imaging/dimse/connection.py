"""An accepted connection and the association on it; above the transport and below PS3.8 Section 7.1."""

import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass
from typing import cast

from pynetdicom import AE, evt
from pynetdicom._globals import MODE_ACCEPTOR
from pynetdicom.association import Association
from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.transport import AddressInformation, AssociationServer

from imaging.dimse.accepted_association import AcceptedAssociation, Serving
from imaging.dimse.incoming import IncomingMessages, Spooling
from imaging.dimse.outgoing import Outgoing
from imaging.dimse.upper_layer import UpperLayer


@dataclass(frozen=True)
class Acceptor:
    """Makes associations of connections.

    Attributes
    ----------
    handlers
        Of pynetdicom's events.
    on_end
        Called once per connection, when its association has ended or never began.
    """

    ae: AE
    handlers: Sequence[tuple[evt.EventType, Callable[[evt.Event], object]]]
    serving: Serving
    on_end: Callable[[Association], None]

    def serve(self, connection: socket.socket, address: tuple[str, int]) -> None:
        """Let the association that comes over a connection run to its end.

        Raises
        ------
        OSError
            The connection was lost before that could begin.
        """
        association = self._association_over(connection, address)
        association.start()
        association.join()
        association.upper_layer.kill_dul()
        association.upper_layer.join()
        self.shutdown_request(connection)
        self.on_end(association)

    def shutdown_request(self, connection: socket.socket) -> None:
        """Close a connection; pynetdicom calls it by this name."""
        with suppress(OSError):  # it is closed already
            connection.shutdown(socket.SHUT_RDWR)
        connection.close()

    def _association_over(self, connection: socket.socket, address: tuple[str, int]) -> AcceptedAssociation:
        association = AcceptedAssociation(self.ae, MODE_ACCEPTOR)
        association.serving = self.serving
        association._server = cast(AssociationServer, self)  # of which it knows `shutdown_request`
        association.dul = association.upper_layer = UpperLayer(association, connection, association.failed)
        association.dimse = association.incoming = IncomingMessages(
            association, _spooling(self.serving), association.upper_layer.wake
        )
        association.outgoing = Outgoing(association, association.upper_layer, association.incoming)
        association.upper_layer.indicate_connection()
        association.acse_timeout = self.ae.acse_timeout  # it belongs to the upper layer
        acceptor, requestor = association.acceptor, association.requestor
        acceptor.maximum_length = self.ae.maximum_pdu_size
        acceptor.ae_title = self.ae.ae_title
        acceptor.address_info = AddressInformation.from_tuple(connection.getsockname())
        requestor.address_info = AddressInformation.from_tuple(address)
        acceptor.implementation_class_uid = self.ae.implementation_class_uid
        acceptor.implementation_version_name = self.ae.implementation_version_name
        acceptor.supported_contexts = deepcopy(self.ae.supported_contexts)
        for event, handler in self.handlers:
            association.bind(event, handler)
        return association


def _spooling(serving: Serving) -> Spooling | None:
    served = serving.services.get(C_STORE)
    return served.service if served and isinstance(served.service, Spooling) else None
