"""Text as searches compare names: without regard to case and accents; PS3.4 Section C.2.2.2.1."""

import re
import unicodedata

_ACCENTS = re.compile("[\u0300-\u036f]")  # no voicing marks of Kana: they make another letter
_STROKES = str.maketrans(  # letters whose stroke Unicode does not take for an accent
    {"ł": "l", "ø": "o", "đ": "d", "ħ": "h", "ŧ": "t", "\u0131": "i", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe"}
)


def comparable(text: str) -> str:
    """One component group of a name, or a part of it, for comparing and for index keys; of what is equal, equal."""
    plain = _ACCENTS.sub("", unicodedata.normalize("NFKD", text.rstrip("^ ")))
    return unicodedata.normalize("NFKC", plain).casefold().translate(_STROKES)
