"""Units as UCUM writes them, as far as doses, times and activities need it.

References
----------
https://ucum.org/ucum, Sections 2.1 and 3 to 4
"""

import re

_PREFIX = "(?:da|[YZEPTGMkhdcmunpfazy])"
_METRIC = "Gy|Sv|Bq|Ci|rad|R|RAD|REM|Hz|eV|mol|[AVCJWNKTmgsLlt]"
_OTHER = "min|h|d|wk|mo|a|deg|%|10\\*|10\\^"
_ANNOTATION = r"\{[!-z|~]*\}"  # printable ASCII without braces and spaces
_COMPONENT = rf"(?:(?:{_PREFIX}?(?:{_METRIC})|{_OTHER})(?:[+-]?[0-9]+)?(?:{_ANNOTATION})?|[1-9][0-9]*|{_ANNOTATION})"
_UNIT = re.compile(rf"/?{_COMPONENT}(?:[./]{_COMPONENT})*\Z")


def is_ucum(code: str) -> bool:
    """Whether a unit is written in UCUM: ``mGy.cm`` is, ``mGy cm`` and ``mGy*cm`` are not."""
    return bool(_UNIT.match(code))
