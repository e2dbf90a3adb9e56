"""The address at which a viewer shows studies, made from the deployment's template."""

import re
from collections.abc import Mapping
from urllib.parse import quote

MAX_CHARACTERS = 8_000
"""CloudFront takes no address of more than 8,192 bytes."""

SERIES = "{series}"
"""What the template of a viewer has that can be told which series to show."""

_PLACEHOLDER = re.compile(r"\{(space|dicomweb|studies|series)\}")


def viewer_address(template: str, values: Mapping[str, str]) -> str:
    """Put values in the place of ``{space}``, ``{dicomweb}``, ``{studies}`` and ``{series}``.

    They are encoded, but for commas, so that none of them can become another
    part of the address. A parameter of the query that becomes empty is left
    out.
    """
    path, mark, query = template.partition("?")
    query, hash_mark, fragment = query.partition("#")
    parameters = [(each, _filled(each, values)) for each in query.split("&")]
    kept = [filled for each, filled in parameters if not (_PLACEHOLDER.search(each) and filled.endswith("="))]
    found = _filled(path, values) + (mark if kept else "") + "&".join(kept)
    return found + hash_mark + _filled(fragment, values)


def _filled(part: str, values: Mapping[str, str]) -> str:
    return _PLACEHOLDER.sub(lambda place: quote(values[place[1]], safe=",", errors="replace"), part)
