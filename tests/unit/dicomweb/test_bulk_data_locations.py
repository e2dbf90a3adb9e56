"""Which BulkDataURI a Content-Location belongs to; PS3.18 Section 10.5.1."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imaging.dicomweb.bulk_data_locations import BulkDataLocations


def locations(*uris: str) -> BulkDataLocations:
    made = BulkDataLocations()
    for uri in uris:
        made.add(uri)
    return made


@pytest.mark.parametrize(
    ("uri", "location", "frame"),
    [
        ("bulk/1", "bulk/1", 0),
        ("http://pacs.example/bulk/1", "http://other.example:8080/bulk/1", 0),
        ("http://pacs.example/dicomweb/bulk/1", "/dicomweb/bulk/1", 0),
        ("http://pacs.example/dicomweb/bulk/1", "bulk/1", 0),
        ("/bulk/1", "https://pacs.example/dicomweb/bulk/1", 0),
        ("./bulk/1", "bulk/1/", 0),
        ("bulk/a%20b", "bulk/a b", 0),
        ("bulk?value=1", "/bulk?value=1", 0),
        ("urn:uuid:5", "urn:uuid:5", 0),
        ("http://pacs.example/bulk/1", "http://pacs.example/bulk/1/frames/12", 12),
        ("http://pacs.example/bulk/1", "bulk/1/frames/1", 1),
        ("http://pacs.example/bulk/frames/1", "http://pacs.example/bulk/frames/1", 0),
        ("http://[broken", "http://[broken", 0),
        ("x" * 5000, "x" * 5000, 0),
    ],
)
def test_finds_the_uri_of_a_location(uri: str, location: str, frame: int) -> None:
    assert locations(uri, "http://elsewhere/x").find(location) == (uri, frame)


@pytest.mark.parametrize(
    "location", ["bulk/2", "1/frames/0", "1/frames/x", "http://[broken", "bulk", "", "/", "x" * 5000, "y/" * 40 + "1"]
)
def test_finds_nothing_for_another_location(location: str) -> None:
    assert locations("http://pacs.example/bulk/1").find(location) is None


def test_takes_no_location_that_fits_several() -> None:
    several = locations("http://a/1/bulk", "http://a/2/bulk", "http://b/2/bulk")
    assert several.find("bulk") is None
    assert several.find("2/bulk") is None
    assert several.find("http://c/2/bulk") is None
    assert several.find("http://c/1/bulk") == ("http://a/1/bulk", 0)
    assert several.find("http://b/2/bulk") == ("http://b/2/bulk", 0)


def test_forgets_a_uri() -> None:
    two = locations("http://a/1/bulk", "http://a/2/bulk")
    two.remove("http://a/1/bulk")
    assert two.find("http://a/1/bulk") is None
    assert two.find("2/bulk") == ("http://a/2/bulk", 0)
    assert two.find("bulk") is None  # it could have been that of either


texts = st.text(st.sampled_from("ab/:?#%[].2"), max_size=12)


@given(st.lists(texts), texts)
def test_finds_one_of_the_uris_or_nothing(uris: list[str], location: str) -> None:
    found = locations(*uris).find(location)
    assert found is None or found[0] in uris
    assert location not in uris or found == (location, 0)
