from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imaging.dicomweb.multipart import KEPT_IN_MEMORY_BYTES, media_type, read_parts
from imaging.errors import Rejected, RejectReason

DICOM = b"Content-Type: application/dicom\r\n\r\n"


def in_pieces(body: bytes, size: int) -> Iterator[bytes]:
    return (body[start : start + size] for start in range(0, len(body), size))


def split(body: bytes, boundary: str = "B", size: int = 2**20) -> list[tuple[str, bytes]]:
    """Type and content of each part."""
    parts = []
    for part in read_parts(in_pieces(body, size), boundary):
        with part.content:
            parts.append((part.content_type, part.content.read()))
    return parts


def contents(body: bytes, boundary: str = "B", size: int = 2**20) -> list[bytes]:
    return [content for _, content in split(body, boundary, size)]


def refusal(body: bytes, boundary: str = "B", size: int = 2**20) -> Rejected:
    with pytest.raises(Rejected) as refused:
        split(body, boundary, size)
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


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_splits_at_the_boundaries_however_the_body_comes_in(size: int) -> None:
    body = b"--B\r\n" + DICOM + b"first\r\n--B\r\ncontent-type:Application/DICOM; x=y\r\n\r\nsec\r\nond\r\n--B--\r\n"
    assert split(body, size=size) == [("application/dicom", b"first"), ("application/dicom", b"sec\r\nond")]


def test_a_part_may_name_no_type() -> None:
    assert split(b"--B\r\n\r\nfirst\r\n--B--") == [("", b"first")]


def test_tells_the_parameters_of_a_part_and_where_it_is() -> None:
    header = b'Content-Type: image/JPEG; Transfer-Syntax="1.2.3"\r\nContent-Location: /bulk/1\r\n\r\n'
    (part,) = read_parts(in_pieces(b"--B\r\n" + header + b"x\r\n--B--", 5), "B")
    with part.content:
        assert (part.content_type, part.parameters, part.content_location) == (
            "image/jpeg",
            {"transfer-syntax": "1.2.3"},
            "/bulk/1",
        )


@pytest.mark.parametrize("size", [1, 4, 1000])
def test_what_stands_before_and_after_means_nothing(size: int) -> None:
    body = b"a preamble --B\r\n\r\n--B\r\n" + DICOM + b"x\r\n--B--\r\nan epilogue\r\n--B\r\n"
    assert contents(body, size=size) == [b"x"]


def test_reads_the_epilogue_to_its_end() -> None:
    pieces = iter([b"--B\r\n\r\nx\r\n--B--", b"\r\nmore", b"and more"])
    for part in read_parts(pieces, "B"):
        part.content.close()
    assert next(pieces, None) is None


def test_gives_a_part_before_the_next_has_come() -> None:
    pieces = iter([b"--B\r\n\r\nfirst\r\n--B\r\n", b"\r\nsecond\r\n--B--"])
    parts = read_parts(pieces, "B")
    with next(parts).content as first:
        assert first.read() == b"first"
    assert next(pieces).startswith(b"\r\nsecond")


def test_gives_what_is_whole_before_it_refuses_the_rest() -> None:
    parts = read_parts([b"--B\r\n\r\nwhole\r\n--B\r\nbad header\r\n\r\n"], "B")
    with next(parts).content as whole:
        assert whole.read() == b"whole"
    with pytest.raises(Rejected):
        next(parts)


def test_a_long_part_goes_to_disk() -> None:
    (part,) = read_parts(in_pieces(b"--B\r\n\r\n" + bytes(KEPT_IN_MEMORY_BYTES + 1) + b"\r\n--B--", 65536), "B")
    with part.content as content:
        assert len(content.read()) == KEPT_IN_MEMORY_BYTES + 1
        assert content.fileno() > 2


@pytest.mark.parametrize("size", [1, 9, 1000])
def test_blanks_behind_a_boundary_mean_nothing_and_a_line_that_begins_like_one_is_none(size: int) -> None:
    body = b"--Bx\r\npreamble\r\n--B \t\r\n" + DICOM + b"x\r\n--B \r\n" + DICOM + b"y\r\n--B--"
    assert contents(body, size=size) == [b"x", b"y"]


def test_a_part_may_be_empty_and_may_look_like_a_boundary() -> None:
    body = b"--B\r\n" + DICOM + b"\r\n--B\r\n" + DICOM + b"--B\r\n-B\r\n--Bx\r\r\n--B--"
    assert contents(body) == [b"", b"--B\r\n-B\r\n--Bx\r"]


def test_a_body_may_hold_no_part() -> None:
    assert split(b"--B--\r\n") == []


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
@pytest.mark.parametrize("size", [1, 1000])
def test_refuses_a_body_that_cannot_be_split(body: bytes, size: int) -> None:
    refusal(body, size=size)


@pytest.mark.parametrize("boundary", ["", "x" * 257, "Ł"])
def test_refuses_a_boundary_that_is_none(boundary: str) -> None:
    refusal(b"--x\r\n\r\nx\r\n--x--", boundary)


@given(st.text(max_size=80), st.text(max_size=20))
def test_reads_any_content_type(anything: str, value: str) -> None:
    for header in (anything, f'multipart/related; type="{value}"; boundary={value}; {anything}'):
        media_type(header)


@given(
    st.lists(st.binary(max_size=200)),
    st.from_regex(r"[A-Za-z0-9'+_./:=?-]{8,70}", fullmatch=True),
    st.integers(1, 300),
)
def test_gives_back_what_was_put_together(parts: list[bytes], boundary: str, size: int) -> None:
    delimiter = f"--{boundary}".encode()
    if any(delimiter in content for content in parts):
        return
    body = b"".join(delimiter + b"\r\n" + DICOM + content + b"\r\n" for content in parts) + delimiter + b"--\r\n"
    assert contents(body, boundary, size) == parts


@given(st.binary(max_size=300), st.integers(1, 300))
def test_answers_any_bytes_with_parts_or_a_refusal(body: bytes, size: int) -> None:
    for content in (body, b"--B\r\n" + body, b"--B\r\n" + body + b"\r\n--B--"):
        try:
            split(content, size=size)
        except Rejected as rejected:
            assert rejected.reason is RejectReason.MALFORMED_REQUEST  # noqa: PT017 - either is right
