"""Text as searches compare names: without regard to case and accents; PS3.4 Section C.2.2.2.1."""

import re
import unicodedata

_ACCENTS = re.compile("[\u0300-\u036f]")  # no voicing marks of Kana: they make another letter


def comparable(text: str) -> str:
    """One component group of a name, or a part of it, for comparing and for index keys; of what is equal, equal."""
    plain = _ACCENTS.sub("", unicodedata.normalize("NFKD", text.rstrip("^ ")))
    return unicodedata.normalize("NFKC", plain).casefold()
