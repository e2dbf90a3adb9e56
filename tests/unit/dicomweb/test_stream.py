import gzip
from collections.abc import Generator, Iterable
from contextlib import closing
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imaging.dicomweb.stream import Stream, gathered, zipped
from imaging.errors import Unavailable


def pieces(content: Iterable[bytes], log: list[str] | None = None) -> Generator[bytes, None, None]:
    try:
        yield from content
    finally:
        if log is not None:
            log.append("closed")


@given(content=st.lists(st.binary(max_size=40), max_size=20), at_least=st.integers(1, 60))
def test_gathers_small_pieces_and_changes_no_byte(content: list[bytes], at_least: int) -> None:
    taken = list(gathered(pieces(content), at_least=at_least))
    assert b"".join(taken) == b"".join(content)
    assert all(len(piece) < 2 * max(at_least, 40) for piece in taken)
    assert all(len(first) >= at_least or len(second) >= at_least for first, second in pairwise(taken))


def test_a_large_piece_is_passed_on_as_it_is() -> None:
    large = bytes(100)
    assert list(gathered(pieces([b"ab", large, b"c"]), at_least=10))[1] is large


@given(content=st.lists(st.binary(max_size=40), max_size=20))
def test_compresses_what_any_client_can_read(content: list[bytes]) -> None:
    zipped_once = b"".join(zipped(pieces(content)))
    assert gzip.decompress(zipped_once) == b"".join(content)
    assert b"".join(zipped(pieces(content))) == zipped_once


def test_what_fails_at_once_fails_before_there_is_a_stream() -> None:
    def failing() -> Generator[bytes, None, None]:
        raise Unavailable("It does not answer.")
        yield b""

    with pytest.raises(Unavailable):
        Stream(gathered(failing()))


def test_what_fails_later_is_raised_in_its_turn() -> None:
    def failing() -> Generator[bytes, None, None]:
        yield b"first"
        raise Unavailable("It does not answer.")

    stream = Stream(failing())
    assert next(stream) == b"first"
    with pytest.raises(Unavailable):
        next(stream)


def test_gives_the_first_piece_once() -> None:
    stream = Stream(pieces([b"first", b"second"]))
    assert stream.first == b"first"
    assert list(stream) == [b"first", b"second"]
    assert stream.first == b""
    assert list(Stream(pieces([]))) == []


def test_begins_with_as_much_as_is_wanted() -> None:
    stream = Stream(pieces([b"a", b"", b"bc", b"d"]), at_least=3)
    assert stream.first == b"abc"
    assert list(stream) == [b"abc", b"d"]
    assert Stream(pieces([b"a", b"b"]), at_least=3).first == b"ab"
    assert Stream(pieces([b"", b"a"])).first == b"a"


@pytest.mark.parametrize("taken", [0, 1])
def test_closing_it_closes_all_that_it_comes_from(taken: int) -> None:
    log: list[str] = []
    stream = Stream(gathered(zipped(Stream(pieces([bytes(100)] * 9, log))), at_least=1))
    with closing(stream):
        for _ in range(taken):
            next(stream)
        assert log == []
    assert log == ["closed"]
    assert list(stream) == []
