"""What browsers are told of every answer: what is stored here is no program, and is of a patient.

References
----------
Fetch Standard (WHATWG), *X-Content-Type-Options header*; W3C, *Content Security
Policy Level 3*; RFC 9111 Section 5.2.2.5.
"""

import re
from dataclasses import replace

from imaging.dicomweb.message import Response

# A browser shows these in a page of its own, with a style and a player of its own, and no type among them can script.
# In a sandbox Chromium plays no video, and Safari shows no PDF.
_SHOWN = re.compile(r"application/pdf|image/(gif|jpeg|png)|video/[\w.+-]+", re.ASCII)
_OF_WHAT_IS_SHOWN = "default-src 'none'; style-src 'unsafe-inline'; media-src 'self'"
_OF_ALL_ELSE = "sandbox; default-src 'none'"


def safe_in_a_browser(response: Response) -> Response:
    """The answer with what it does not say itself: no script in it runs, and no cache keeps it.

    Validators, ranges and 304 are for what a client keeps itself; a 304 says
    the same as its 200, RFC 9110 Section 15.4.5.
    """
    is_shown = _SHOWN.fullmatch(response.headers.get("Content-Type", ""))
    headers = {
        "Cache-Control": "no-store",
        "Content-Security-Policy": _OF_WHAT_IS_SHOWN if is_shown else _OF_ALL_ELSE,
        "X-Content-Type-Options": "nosniff",
        **response.headers,
    }
    return replace(response, headers=headers)
