import pytest
from hypothesis import given
from hypothesis import strategies as st

from imaging.dicomweb.multipart import Part, media_type, split_parts
from imaging.errors import Rejected, RejectReason

DICOM = b"Content-Type: application/dicom\r\n\r\n"


def refusal(body: bytes, boundary: str = "B") -> Rejected:
    with pytest.raises(Rejected) as refused:
        split_parts(body, boundary)
    assert refused.value.reason is RejectReason.MALFORMED_REQUEST
    return refused.value


@pytest.mark.parametrize(
    ("header", "name", "parameters"),
    [
        (
            'multipart/related; type="application/dicom"; boundary="a b"',
            "multipart/related",
            ("application/dicom", "a b"),
        ),
        ("Multipart/Related;TYPE=application/dicom;Boundary=X", "multipart/related", ("application/dicom", "X")),
        ("multipart/related; boundary=X; type=application/dicom", "multipart/related", ("application/dicom", "X")),
        ("application/dicom", "application/dicom", (None, None)),
        ("", "", (None, None)),
        ("\xff;;;=", "\xff", (None, None)),
    ],
)
def test_reads_a_content_type(header: str, name: str, parameters: tuple[str | None, str | None]) -> None:
    found, values = media_type(header)
    assert (found, (values.get("type"), values.get("boundary"))) == (name, parameters)


def test_splits_at_the_boundaries() -> None:
    body = b"--B\r\n" + DICOM + b"first\r\n--B\r\ncontent-type:Application/DICOM; x=y\r\n\r\nsec\r\nond\r\n--B--\r\n"
    assert split_parts(body, "B") == [Part("application/dicom", b"first"), Part("application/dicom", b"sec\r\nond")]


def test_a_part_may_name_no_type() -> None:
    assert split_parts(b"--B\r\n\r\nfirst\r\n--B--", "B") == [Part("", b"first")]


def test_what_stands_before_and_after_means_nothing() -> None:
    body = b"a preamble --B\r\n\r\n--B\r\n" + DICOM + b"x\r\n--B--\r\nan epilogue\r\n--B\r\n"
    assert split_parts(body, "B") == [Part("application/dicom", b"x")]


def test_a_part_may_be_empty_and_may_look_like_a_boundary() -> None:
    body = b"--B\r\n" + DICOM + b"\r\n--B\r\n" + DICOM + b"--B\r\n-B\r\n--Bx\r\r\n--B--"
    assert [part.content for part in split_parts(body, "B")] == [b"", b"--B\r\n-B\r\n--Bx\r"]


def test_a_body_may_hold_no_part() -> None:
    assert split_parts(b"--B--\r\n", "B") == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no boundary at all",
        b"--C\r\n\r\nx\r\n--C--",
        b"--B\r\n" + DICOM + b"without an end",
        b"--B\r\n" + DICOM + b"x\r\n--B\r\n",
        b"--B\r\nContent Type: x\r\n\r\nx\r\n--B--",
        b"--B\r\nX: " + b"x" * 5_000 + b"\r\n\r\nx\r\n--B--",
        b"--B\r\n" + b"X: y\r\n" * 17 + b"\r\nx\r\n--B--",
        b"--B\n\nline feeds alone\n--B--",
    ],
)
def test_refuses_a_body_that_cannot_be_split(body: bytes) -> None:
    refusal(body)


@pytest.mark.parametrize("boundary", ["", "x" * 71, "Ł"])
def test_refuses_a_boundary_that_is_none(boundary: str) -> None:
    refusal(b"--x\r\n\r\nx\r\n--x--", boundary)


@given(st.text(max_size=80), st.text(max_size=20))
def test_reads_any_content_type(anything: str, value: str) -> None:
    for header in (anything, f'multipart/related; type="{value}"; boundary={value}; {anything}'):
        media_type(header)


@given(st.lists(st.binary(max_size=200)), st.from_regex(r"[A-Za-z0-9'+_./:=?-]{8,70}", fullmatch=True))
def test_gives_back_what_was_put_together(contents: list[bytes], boundary: str) -> None:
    delimiter = f"--{boundary}".encode()
    if any(delimiter in content for content in contents):
        return
    body = b"".join(delimiter + b"\r\n" + DICOM + content + b"\r\n" for content in contents) + delimiter + b"--\r\n"
    assert [part.content for part in split_parts(body, boundary)] == contents


@given(st.binary(max_size=300))
def test_answers_any_bytes_with_parts_or_a_refusal(body: bytes) -> None:
    for content in (body, b"--B\r\n" + body, b"--B\r\n" + body + b"\r\n--B--"):
        try:
            split_parts(content, "B")
        except Rejected as rejected:
            assert rejected.reason is RejectReason.MALFORMED_REQUEST  # noqa: PT017 - either is right
