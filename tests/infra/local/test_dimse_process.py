"""Whom the DIMSE endpoint of the local run knows."""

import json

from infra.local.dimse_process import STORESCP, registry

PACS = {"ae_title": "PACS", "host": "127.0.0.1", "port": 11999}


def deployed(*peers):
    return {"DIMSE_CALLERS": "registered", "DIMSE_PEERS": json.dumps(peers)}


def test_whoever_calls_is_served_and_one_destination_is_known_without_a_setting():
    here = registry({}, deployed())

    assert here["DIMSE_CALLERS"] == "any"
    assert json.loads(here["DIMSE_PEERS"]) == [STORESCP]


def test_the_destination_is_beside_those_that_are_configured():
    assert json.loads(registry({"peers": [PACS]}, deployed(PACS))["DIMSE_PEERS"]) == [PACS, STORESCP]


def test_who_configures_callers_or_the_destination_gets_what_is_configured():
    elsewhere = {**STORESCP, "port": 104}
    here = registry({"callers": "registered"}, deployed(elsewhere))

    assert here["DIMSE_CALLERS"] == "registered"
    assert json.loads(here["DIMSE_PEERS"]) == [elsewhere]
