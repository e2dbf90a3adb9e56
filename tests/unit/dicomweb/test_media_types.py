import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imaging.dicomweb.media_types import DICOM_JSON, JSON, Form, choose, instance_forms, parse_accept
from imaging.errors import Rejected, RejectReason

EXPLICIT = "1.2.840.10008.1.2.1"
JPEG_2000 = "1.2.840.10008.1.2.4.90"
AS_STORED = frozenset({"*"})


def multipart(*transfer_syntaxes: str) -> Form:
    return Form(is_multipart=True, transfer_syntaxes=frozenset(transfer_syntaxes))


def single(*transfer_syntaxes: str) -> Form:
    return Form(is_multipart=False, transfer_syntaxes=frozenset(transfer_syntaxes))


@pytest.mark.parametrize(
    "accept",
    [
        'multipart/related; type="application/dicom"',
        "multipart/related; type=application/dicom",
        "Multipart/Related;TYPE=application/dicom;transfer-syntax=*",
        'multipart/related; type="application/dicom"; transfer-syntax="*"',
        'multipart/related; type="application/dicom"; boundary="a,b;c"',
        "multipart/related",
        "*/*",
        "",
        "text/html, */*;q=0.1",
    ],
)
def test_sends_a_study_as_stored_in_many_parts(accept: str) -> None:
    assert instance_forms(accept, is_single_instance=False) == [multipart("*")]


def test_sends_one_instance_alone_if_asked() -> None:
    assert instance_forms("application/dicom", is_single_instance=True) == [single("*")]
    assert instance_forms("application/dicom; transfer-syntax=*", is_single_instance=True) == [single("*")]


def test_in_many_parts_is_the_default_for_one_instance_too() -> None:
    assert instance_forms("*/*", is_single_instance=True) == [multipart("*"), single("*")]


def test_prefers_what_the_client_likes_best() -> None:
    accept = 'multipart/related; type="application/dicom"; q=0.5, application/dicom'
    assert instance_forms(accept, is_single_instance=True) == [single("*"), multipart("*")]


def test_gathers_the_transfer_syntaxes_of_all_items() -> None:
    accept = ", ".join(
        f'multipart/related; type="application/dicom"; transfer-syntax={uid}' for uid in (EXPLICIT, JPEG_2000)
    )
    (form,) = instance_forms(accept, is_single_instance=False)
    assert form == multipart(EXPLICIT, JPEG_2000)
    assert form.suits(frozenset({JPEG_2000}))
    assert not form.suits(frozenset({JPEG_2000, "1.2.840.10008.1.2.5"}))


@pytest.mark.parametrize(
    "accept",
    [
        "application/dicom",
        'multipart/related; type="application/octet-stream"',
        "image/jpeg",
        "nonsense",
        'multipart/related; type="application/dicom"; q=0',
    ],
)
def test_lists_what_it_offers_if_nothing_is_acceptable(accept: str) -> None:
    with pytest.raises(Rejected) as refusal:
        instance_forms(accept, is_single_instance=False)
    assert refusal.value.reason is RejectReason.NOT_ACCEPTABLE
    assert 'multipart/related; type="application/dicom"' in str(refusal.value)


def test_passes_over_an_item_that_cannot_be_read() -> None:
    assert [item.name for item in parse_accept("nonsense, application/json, ;;;")] == ["application/json"]


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        ("", DICOM_JSON),
        ("*/*", DICOM_JSON),
        ("application/*", DICOM_JSON),
        ("application/dicom+json", DICOM_JSON),
        ("application/json", JSON),
        ("application/json;q=0.5, application/dicom+json", DICOM_JSON),
        ('multipart/related; type="application/dicom+xml", application/dicom+json; charset=utf-8', DICOM_JSON),
    ],
)
def test_chooses_among_offers(accept: str, chosen: str) -> None:
    assert choose(accept, (DICOM_JSON, JSON)) == chosen


def test_refuses_xml() -> None:
    with pytest.raises(Rejected) as refusal:
        choose('multipart/related; type="application/dicom+xml"', (DICOM_JSON, JSON))
    assert refusal.value.reason is RejectReason.NOT_ACCEPTABLE
    assert "application/dicom+json" in str(refusal.value)


@given(st.text(max_size=200))
def test_any_header_is_read_or_refused(accept: str) -> None:
    reason = None
    try:
        assert choose(accept, (DICOM_JSON, JSON)) in (DICOM_JSON, JSON)
        assert instance_forms(accept, is_single_instance=True)
    except Rejected as refusal:
        reason = refusal.reason
    assert reason in (None, RejectReason.NOT_ACCEPTABLE)


ACCEPT_LIKE = st.lists(
    st.sampled_from(
        ["application", "/", "dicom", "*", ";", "=", '"', ",", "q", "0", ".", "type", " ", "multipart/related"]
    ),
    max_size=40,
).map("".join)


@given(ACCEPT_LIKE)
def test_any_header_of_real_tokens_is_read_or_refused(accept: str) -> None:
    assert all(0 < item.quality <= 1 for item in parse_accept(accept))


@pytest.mark.parametrize(
    "accept", ['"' * 10_000, ";" * 10_000, "a/b" + ';x="' * 5_000, "a/b;" + " " * 10_000, ",a/b;q=" * 5_000]
)
def test_a_hostile_header_takes_no_time(accept: str) -> None:
    started = time.monotonic()
    parse_accept(accept)
    assert time.monotonic() - started < 1
