"""A 2 GB instance goes in and comes out while the gateway's memory stays under 300 MB."""

from tests.flow.client import new_study
from tests.flow.test_large_bodies import peak_resident_bytes, retrieve_to, send_large


def test_two_gigabytes_pass_in_constant_memory(client, tmp_path):
    (key,) = new_study()
    assert send_large(client, key, 2_000).status_code == 200
    client.wait_for_revision(key, 1)
    assert retrieve_to(client, key, tmp_path / "received.dcm") > 2_000_000_000
    assert peak_resident_bytes(client) < 300_000_000
