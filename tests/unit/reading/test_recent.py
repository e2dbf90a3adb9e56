from hypothesis import given
from hypothesis import strategies as st

from imaging.reading.recent import Recent


def test_keeps_what_was_used_last() -> None:
    recent: Recent[str, bytes] = Recent(10, len)
    recent.put("a", b"1234")
    recent.put("b", b"1234")
    assert recent.get("a") == b"1234"
    recent.put("c", b"1234")
    assert (recent.get("a"), recent.get("b"), recent.get("c")) == (b"1234", None, b"1234")


def test_does_not_keep_what_is_larger_than_all_it_may_hold() -> None:
    recent: Recent[str, bytes] = Recent(10, len)
    recent.put("a", bytes(11))
    assert recent.get("a") is None
    assert recent.held_bytes == 0


@given(st.lists(st.tuples(st.integers(0, 5), st.binary(max_size=12))))
def test_never_holds_more_than_it_may(puts: list[tuple[int, bytes]]) -> None:
    recent: Recent[int, bytes] = Recent(20, len)
    for key, value in puts:
        recent.put(key, value)
        assert recent.get(key) == value
        assert recent.held_bytes == sum(len(kept) for one in range(6) if (kept := recent.get(one)) is not None) <= 20


def test_what_is_too_large_leaves_the_others_where_they_are() -> None:
    recent: Recent[str, bytes] = Recent(10, len)
    recent.put("a", b"1234")
    recent.put("b", bytes(11))
    assert recent.get("a") == b"1234"
    recent.put("a", bytes(11))
    assert (recent.get("a"), recent.held_bytes) == (None, 0)
