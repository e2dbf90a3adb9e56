from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imaging.dicomweb.viewer_address import viewer_address

OHIF = "https://imaging.example.org/viewer/viewer/{space}?StudyInstanceUIDs={studies}&SeriesInstanceUIDs={series}"
VALUES = {"space": "main", "dicomweb": "https://imaging.example.org/spaces/main", "studies": "1.2,1.3", "series": ""}


@pytest.mark.parametrize(
    ("template", "series", "address"),
    [
        (OHIF, "", "https://imaging.example.org/viewer/viewer/main?StudyInstanceUIDs=1.2,1.3"),
        (
            OHIF,
            "1.9",
            "https://imaging.example.org/viewer/viewer/main?StudyInstanceUIDs=1.2,1.3&SeriesInstanceUIDs=1.9",
        ),
        ("https://v.example/?s={series}", "", "https://v.example/"),
        ("https://v.example/?s={series}&u={studies}&mode=", "", "https://v.example/?u=1.2,1.3&mode="),
        ("https://v.example/a?s={series}#{studies}", "", "https://v.example/a#1.2,1.3"),
        (
            "weasis://?root={dicomweb}&u={studies}",
            "",
            "weasis://?root=https%3A%2F%2Fimaging.example.org%2Fspaces%2Fmain&u=1.2,1.3",
        ),
        ("https://v.example/{other}", "", "https://v.example/{other}"),
    ],
)
def test_is_the_template_with_what_is_shown(template, series, address):
    assert viewer_address(template, {**VALUES, "series": series}) == address


@given(st.fixed_dictionaries(dict.fromkeys(VALUES, st.text())))
def test_leads_nowhere_else_whatever_is_shown(values):
    address = viewer_address(OHIF, values)
    parts = urlsplit(address)
    assert (parts.scheme, parts.netloc, parts.fragment) == ("https", "imaging.example.org", "")
    assert address.isascii()
    assert address.isprintable()
    assert " " not in address
    place, name = parts.path.rsplit("/", 1)
    assert place == "/viewer/viewer"
    assert unquote(name, errors="surrogatepass") == values["space"].encode(errors="replace").decode()
    assert parse_qs(parts.query).keys() <= {"StudyInstanceUIDs", "SeriesInstanceUIDs"}
