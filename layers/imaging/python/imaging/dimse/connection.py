"""An accepted connection and the association on it; above the transport and below PS3.8 Section 7.1."""

import socket
from copy import deepcopy
from typing import TYPE_CHECKING, cast

from pynetdicom._globals import MODE_ACCEPTOR
from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.transport import AddressInformation, AssociationServer

from imaging.dimse.accepted_association import AcceptedAssociation, Serving
from imaging.dimse.incoming import IncomingMessages, Spooling
from imaging.dimse.outgoing import Outgoing
from imaging.dimse.upper_layer import UpperLayer

if TYPE_CHECKING:
    from imaging.dimse.connection_server import ConnectionServer


def serve_connection(connection: socket.socket, address: tuple[str, int], server: "ConnectionServer") -> None:
    """Let the association that comes over a connection run to its end.

    Raises
    ------
    OSError
        The connection was lost before that could begin.
    """
    association = _association_over(connection, address, server)
    association.start()
    association.join()
    association.upper_layer.kill_dul()
    association.upper_layer.join()
    server.shutdown_request(connection)
    server.on_end(association)


def _association_over(
    connection: socket.socket, address: tuple[str, int], server: "ConnectionServer"
) -> AcceptedAssociation:
    association = AcceptedAssociation(server.ae, MODE_ACCEPTOR)
    association.serving = server.serving
    association._server = cast(AssociationServer, server)  # of which it knows `shutdown_request`
    association.dul = association.upper_layer = UpperLayer(association, connection, association.failed)
    association.dimse = association.incoming = IncomingMessages(
        association, _spooling(server.serving), association.upper_layer.wake
    )
    association.outgoing = Outgoing(association, association.upper_layer, association.incoming)
    association.upper_layer.indicate_connection()
    association.acse_timeout = server.ae.acse_timeout  # it belongs to the upper layer
    acceptor, requestor = association.acceptor, association.requestor
    acceptor.maximum_length = server.ae.maximum_pdu_size
    acceptor.ae_title = server.ae_title
    acceptor.address_info = AddressInformation.from_tuple(server.server_address)
    requestor.address_info = AddressInformation.from_tuple(address)
    acceptor.implementation_class_uid = server.ae.implementation_class_uid
    acceptor.implementation_version_name = server.ae.implementation_version_name
    acceptor.supported_contexts = deepcopy(server.contexts)
    for event, handler in server.handlers:
        association.bind(event, handler)
    return association


def _spooling(serving: Serving) -> Spooling | None:
    served = serving.services.get(C_STORE)
    return served.service if served and isinstance(served.service, Spooling) else None
