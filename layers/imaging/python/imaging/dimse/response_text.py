"""In which character sets the text of a response goes out; PS3.3 Section C.12.1.1.2, PS3.5 Section 6.1."""

from collections.abc import Iterable, Sequence
from functools import lru_cache

from pydicom.charset import decode_bytes, default_encoding, encode_string
from pydicom.valuerep import PN_DELIMS, VR

from imaging.dicom.data_element import character_sets as encodings_of
from imaging.dicom.quiet import without_warnings

UTF_8 = "ISO_IR 192"

_FREE_TEXT_VRS = {VR.LT, VR.ST, VR.UT}  # one value, in which a backslash is a character
_DELIMITERS = {ord("\\"), *PN_DELIMS}


def character_sets_for(texts: Iterable[tuple[str, str]], preferred: Sequence[str]) -> tuple[str, ...]:
    """Choose Specific Character Set (0008,0005).

    Parameters
    ----------
    texts
        Value Fields that are not all ASCII, each with its VR.
    preferred
        Those of the request.

    Returns
    -------
    tuple of str
        None where there is no text; the preferred ones if they can hold
        everything; else UTF-8.
    """
    values = list(texts)
    if not values:
        return ()
    chosen = tuple(preferred)
    if chosen and all(_holds(chosen, text) for value, vr in values for text in _pieces(value, vr)):
        return chosen
    return (UTF_8,)


def encoded_text(value: str, vr: str, character_sets: tuple[str, ...]) -> bytes:
    """Encode a Value Field, piece by piece: its delimiters bring back the first character set, PS3.5 6.1.2.5.3."""
    if character_sets == (UTF_8,):
        return value.encode()
    encodings, encoded, begin = _encodings(character_sets), b"", 0
    delimiters = "" if vr in _FREE_TEXT_VRS else "\\^=" if vr == VR.PN else "\\"
    with without_warnings():
        for place, character in enumerate(value):
            if character in delimiters:
                encoded += _encoded(value[begin:place], encodings) + character.encode()
                begin = place + 1
        return encoded + _encoded(value[begin:], encodings)


def _pieces(value: str, vr: str) -> list[str]:
    if vr in _FREE_TEXT_VRS:
        return [value]
    return (value.replace("^", "\\").replace("=", "\\") if vr == VR.PN else value).split("\\")


def _encoded(text: str, encodings: Sequence[str]) -> bytes:
    return encode_string(text, encodings) if text else b""


@lru_cache(maxsize=64)
def _encodings(character_sets: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(encodings_of("\\".join(character_sets).encode("ascii", "replace")))


@lru_cache(maxsize=4096)
def _holds(character_sets: tuple[str, ...], text: str) -> bool:
    """Whether the text comes out as it went in; pydicom replaces what it cannot encode."""
    if text.isascii():
        return True
    encodings = _encodings(character_sets)
    if default_encoding in encodings and any("\x80" <= character <= "\xff" for character in text):
        return False  # what pydicom takes for ASCII is Latin-1
    with without_warnings():
        return decode_bytes(encode_string(text, encodings), encodings, _DELIMITERS) == text
