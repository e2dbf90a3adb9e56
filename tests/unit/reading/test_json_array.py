import gzip
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imaging.errors import Unavailable
from imaging.reading import json_array
from imaging.reading.json_array import elements, runs

VALUES = st.recursive(
    st.none() | st.integers() | st.text('a"\\{}[],:é山𝄞\n', max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text('ab"{', max_size=3), inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.text("ab", min_size=1, max_size=3), VALUES, max_size=4)


def compact(content: Any) -> bytes:
    return json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode()


def in_pieces(body: bytes, size: int) -> list[bytes]:
    return [body[start : start + size] for start in range(0, len(body), size)]


@given(array=st.lists(OBJECTS, max_size=12), longest=st.integers(1, 80), inflated=st.integers(1, 40))
def test_runs_hold_every_element_once_and_whole(array: list[dict[str, Any]], longest: int, inflated: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_array, "MAX_RUN_CHARACTERS", longest)
        patch.setattr(json_array, "_INFLATED_BYTES", inflated)
        taken = list(runs(in_pieces(gzip.compress(compact(array)), 5)))
    assert b"[" + b",".join(taken) + b"]" == compact(array)
    found = [element for run in taken for element in elements(run.decode())]
    assert found == [(compact(element).decode(), element) for element in array]


def test_a_short_array_is_one_run() -> None:
    array = compact([{"a": number} for number in range(1000)])
    assert list(runs([gzip.compress(array)])) == [array[1:-1]]


def test_a_long_array_comes_in_runs_of_a_bounded_length() -> None:
    array = [{"number": number, "text": "x" * 5000} for number in range(5000)]
    lengths = [len(run) for run in runs([gzip.compress(compact(array))])]
    assert sum(lengths) + len(lengths) + 1 == len(compact(array))
    assert max(lengths) <= json_array.MAX_RUN_CHARACTERS + 1024 * 1024


def test_an_element_longer_than_a_run_is_a_run_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_array, "MAX_RUN_CHARACTERS", 10)
    monkeypatch.setattr(json_array, "_INFLATED_BYTES", 10)
    array = [{"a": 1}, {"a": "x" * 1000}, {"a": 2}]
    assert b"[" + b",".join(runs([gzip.compress(compact(array))])) + b"]" == compact(array)


def test_an_object_that_was_cut_off_is_not_taken_for_the_whole() -> None:
    with pytest.raises(Unavailable):
        list(runs([gzip.compress(compact([{"a": "x" * 100}]))[:-12]]))


def test_a_run_that_is_broken_off_is_not_taken_for_the_whole() -> None:
    with pytest.raises(json.JSONDecodeError):
        list(elements('{"a":1},{"a":'))
