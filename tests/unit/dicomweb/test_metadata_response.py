import json
from collections.abc import Generator
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from imaging.dicomweb.message import json_bytes
from imaging.dicomweb.metadata_response import metadata_array, with_absolute_addresses
from imaging.model.links import Links

LINKS = Links("https://imaging.example.org")
UIDS = {
    "0020000D": {"vr": "UI", "Value": ["1"]},
    "0020000E": {"vr": "UI", "Value": ["1.2"]},
    "00080018": {"vr": "UI", "Value": ["1.2.3"]},
}
INSTANCE = "https://imaging.example.org/spaces/main/studies/1/series/1.2/instances/1.2.3"


def completed(**elements: Any) -> dict[str, Any]:
    (run,) = with_absolute_addresses("main", json_bytes(UIDS | elements), LINKS)
    return {tag: json.loads(run)[tag] for tag in elements}


def joined(*runs: bytes) -> bytes:
    def given() -> Generator[bytes, None, None]:
        yield from runs

    return b"".join(metadata_array("main", given(), LINKS))


def test_leaves_metadata_without_bulk_data_as_it_is() -> None:
    run = b'{"00080005":{"vr":"CS"}},{"00080005":{"vr":"CS"}}'
    (left,) = with_absolute_addresses("main", run, LINKS)
    assert left is run


def test_joins_runs_to_one_array() -> None:
    without, with_bulk_data = json_bytes(UIDS), json_bytes(UIDS | {"t": {"vr": "OW", "BulkDataURI": "bulkdata/t"}})
    body = joined(without, b",".join([with_bulk_data, without, with_bulk_data]), without)
    assert body == json_bytes(json.loads(body))
    assert ["t" in data_set for data_set in json.loads(body)] == [False, True, False, True, False]
    assert joined() == b"[]"


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


@given(text=st.text('":\\,BulkDataURI', max_size=60) | st.just('see "BulkDataURI":"bulkdata/1"'))
def test_a_text_that_only_mentions_bulk_data_stays(text: str) -> None:
    mentioning = {"vr": "LT", "Value": [text]}
    element = {"vr": "OW", "BulkDataURI": "bulkdata/b"}
    assert completed(a=mentioning, b=element, c=mentioning) == {
        "a": mentioning,
        "b": {"vr": "OW", "BulkDataURI": f"{INSTANCE}/bulkdata/b"},
        "c": mentioning,
    }
