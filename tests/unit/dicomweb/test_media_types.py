import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imaging.dicomweb.media_types import (
    DICOM,
    DICOM_JSON,
    JPEG,
    JSON,
    OCTET_STREAM,
    ZIP,
    Form,
    Offer,
    acceptable,
    choose,
    parse_accept,
)
from imaging.errors import Rejected, RejectReason

EXPLICIT = "1.2.840.10008.1.2.1"
JPEG_2000 = "1.2.840.10008.1.2.4.90"
IN_PARTS = Offer(DICOM, is_multipart=True)
ALONE = Offer(DICOM)
OF_A_STUDY = (IN_PARTS, Offer(ZIP), Offer(OCTET_STREAM, is_multipart=True))
OF_AN_INSTANCE = (*OF_A_STUDY, ALONE)


@pytest.mark.parametrize(
    ("accept", "transfer_syntax_uid"),
    [
        ('multipart/related; type="application/dicom"', ""),
        ("multipart/related; type=application/dicom", ""),
        ("Multipart/Related;TYPE=application/dicom;transfer-syntax=*", "*"),
        ('multipart/related; type="application/dicom"; transfer-syntax="*"', "*"),
        (f'multipart/related; type="application/dicom"; transfer-syntax={JPEG_2000}', JPEG_2000),
        ('multipart/related; type="application/dicom"; boundary="a,b;c"', ""),
        ("multipart/related", ""),
        ("multipart/*; transfer-syntax=*", "*"),
        ("*/*", ""),
        ("*/*; transfer-syntax=*", "*"),
        ("", ""),
        ("text/html, */*;q=0.1", ""),
    ],
)
def test_the_first_offer_is_the_default(accept: str, transfer_syntax_uid: str) -> None:
    assert acceptable(accept, OF_AN_INSTANCE)[0] == Form(IN_PARTS, transfer_syntax_uid)


def test_one_part_alone_if_asked() -> None:
    assert acceptable("application/dicom", OF_AN_INSTANCE) == [Form(ALONE)]
    assert acceptable("application/dicom; transfer-syntax=*", OF_AN_INSTANCE) == [Form(ALONE, "*")]
    assert acceptable("application/zip", OF_A_STUDY) == [Form(Offer(ZIP))]


def test_prefers_what_the_client_likes_best() -> None:
    accept = 'multipart/related; type="application/dicom"; q=0.5, application/dicom'
    assert acceptable(accept, OF_AN_INSTANCE) == [Form(ALONE), Form(IN_PARTS)]


def test_keeps_the_transfer_syntaxes_in_the_order_of_their_quality() -> None:
    accept = (
        f'multipart/related; type="application/dicom"; transfer-syntax={EXPLICIT}; q=0.2, '
        f'multipart/related; type="application/dicom"; transfer-syntax={JPEG_2000}'
    )
    assert acceptable(accept, OF_A_STUDY) == [Form(IN_PARTS, JPEG_2000), Form(IN_PARTS, EXPLICIT)]


def test_a_range_of_types_covers_those_in_parts() -> None:
    pictures = [Offer(JPEG, is_multipart=True), Offer(OCTET_STREAM, is_multipart=True)]
    assert acceptable('multipart/related; type="image/*"', pictures) == [Form(pictures[0])]


@pytest.mark.parametrize(
    "accept",
    [
        "application/dicom",
        'multipart/related; type="application/dicom+xml"',
        "image/jpeg",
        "nonsense",
        'multipart/related; type="application/dicom"; q=0',
    ],
)
def test_lists_what_it_offers_if_nothing_is_acceptable(accept: str) -> None:
    with pytest.raises(Rejected) as refusal:
        acceptable(accept, OF_A_STUDY)
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


@given(st.text(max_size=200))
def test_any_header_is_read_or_refused(accept: str) -> None:
    reason = None
    try:
        assert choose(accept, (DICOM_JSON, JSON)) in (DICOM_JSON, JSON)
        assert {form.offer for form in acceptable(accept, OF_AN_INSTANCE)} <= set(OF_AN_INSTANCE)
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
    started = time.thread_time()
    parse_accept(accept)
    assert time.thread_time() - started < 5
