import json
from typing import Any

from imaging.dicomweb.metadata_response import with_absolute_addresses
from imaging.model.links import Links

LINKS = Links("https://imaging.example.org")
UIDS = {
    "0020000D": {"vr": "UI", "Value": ["1"]},
    "0020000E": {"vr": "UI", "Value": ["1.2"]},
    "00080018": {"vr": "UI", "Value": ["1.2.3"]},
}
INSTANCE = "https://imaging.example.org/spaces/main/studies/1/series/1.2/instances/1.2.3"


def completed(**elements: Any) -> dict[str, Any]:
    (data_set,) = json.loads(with_absolute_addresses("main", json.dumps([UIDS | elements]).encode(), LINKS))
    return {tag: data_set[tag] for tag in elements}


def test_leaves_metadata_without_bulk_data_as_it_is() -> None:
    data_sets = b'[ {"00080005": {"vr": "CS"}} ]'
    assert with_absolute_addresses("main", data_sets, LINKS) is data_sets


def test_completes_an_address_below_the_instance() -> None:
    element = {"vr": "OW", "BulkDataURI": "bulkdata/00282000"}
    assert completed(t=element) == {"t": {"vr": "OW", "BulkDataURI": f"{INSTANCE}/bulkdata/00282000"}}


def test_completes_addresses_inside_sequences() -> None:
    inner = {"00420011": {"vr": "OB", "BulkDataURI": "bulkdata/00081140/0/00420011"}}
    sequence = {"vr": "SQ", "Value": [inner, None, {}]}
    expected = {"00420011": {"vr": "OB", "BulkDataURI": f"{INSTANCE}/bulkdata/00081140/0/00420011"}}
    assert completed(s=sequence, e={"vr": "SQ"}) == {
        "s": {"vr": "SQ", "Value": [expected, None, {}]},
        "e": {"vr": "SQ"},
    }


def test_a_text_that_only_mentions_bulk_data_stays() -> None:
    text = {"vr": "LT", "Value": ['see "BulkDataURI"']}
    assert completed(t=text) == {"t": text}
