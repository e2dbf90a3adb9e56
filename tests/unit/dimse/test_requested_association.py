"""Associations that we ask for: what happens before the node hears of us."""

import socket

import pytest

from imaging.dimse.node import Node
from imaging.dimse.outgoing import Kind
from imaging.dimse.requested_association import RequestedAssociation
from imaging.errors import Unavailable

CT_EXPLICIT = Kind("1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.1.2.1")


def no_secret():
    raise Unavailable("AWS failed reading a secret (AccessDenied); it is tried again.")


def test_a_node_is_not_connected_to_before_there_is_what_to_shake_hands_with():
    with socket.create_server(("127.0.0.1", 0)) as node:
        node.settimeout(0.2)
        port = node.getsockname()[1]
        with pytest.raises(Unavailable, match="reading a secret"):
            RequestedAssociation(Node("127.0.0.1", port, "PACS", "MAIN", tls=True), [CT_EXPLICIT], secure=no_secret)
        with pytest.raises(TimeoutError):
            node.accept()
