"""What people see in place of images: one sentence, and perhaps links, as a small page or as JSON."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from http import HTTPStatus

from imaging.dicomweb.media_types import JSON
from imaging.dicomweb.message import Request, Response, json_bytes

HTML = "text/html"

_STYLE = (
    ":root{color-scheme:light dark;font:1.125rem/1.5 system-ui,sans-serif}"
    "main{max-width:40rem;margin:15vh auto 0;padding:0 1.5rem}"
    "h1{font-size:1.375rem}li{margin:.75rem 0}"
)
_STYLE_DIGEST = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<main>
<h1>{title}</h1>
<p>{sentence}</p>
{links}</main>
</body>
</html>
"""


@dataclass(frozen=True)
class Link:
    """Where somebody may go on.

    Attributes
    ----------
    described
        The same for machines, in JSON.
    """

    address: str
    text: str
    described: Mapping[str, str | int]


def is_for_people(request: Request) -> bool:
    """Whether a page is the answer: browsers name its type, programs do not."""
    return HTML in request.headers.get("accept", "").lower()


class DisplayPages:
    """Makes them.

    Parameters
    ----------
    embedded_in
        Origins whose pages may show them in a frame, beside their own.
    """

    def __init__(self, embedded_in: Sequence[str]) -> None:
        ancestors = " ".join(("'self'", *embedded_in))
        self.headers = {
            "Cache-Control": "no-store",
            "Content-Security-Policy": (
                f"default-src 'none'; style-src 'sha256-{_STYLE_DIGEST}'; base-uri 'none'; form-action 'none'; "
                f"frame-ancestors {ancestors}"
            ),
            "Referrer-Policy": "no-referrer",
            "Vary": "Accept",
            "X-Content-Type-Options": "nosniff",
        }

    def error(
        self,
        request: Request,
        status: HTTPStatus,
        sentence: str,
        *,
        links: Sequence[Link] = (),
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        """Why nothing is shown."""
        body = {"error": sentence} | ({"links": [link.described for link in links]} if links else {})
        further = {**self.headers, **(headers or {})}
        return _response(request, status, "The images cannot be shown", sentence, links, json_bytes(body), further)

    def choice(self, request: Request, sentence: str, links: Sequence[Link]) -> Response:
        """Where something is shown: as a list in JSON, RFC 9110 Section 15.4.1."""
        body = json_bytes([link.described for link in links])
        title = "Choose a storage space"
        return _response(request, HTTPStatus.MULTIPLE_CHOICES, title, sentence, links, body, self.headers)

    def notice(self, sentence: str, link: Link) -> Response:
        """What a person is to know before something is shown."""
        return _page(HTTPStatus.OK, "Not all studies are shown", sentence, [link], self.headers)


def _response(
    request: Request,
    status: HTTPStatus,
    title: str,
    sentence: str,
    links: Sequence[Link],
    json: bytes,
    headers: Mapping[str, str],
) -> Response:
    if is_for_people(request):
        return _page(status, title, sentence, links, headers)
    return Response(status, {"Content-Type": JSON, **headers}, json)


def _page(status: HTTPStatus, title: str, sentence: str, links: Sequence[Link], headers: Mapping[str, str]) -> Response:
    items = "".join(f'<li><a href="{escape(link.address)}">{escape(link.text)}</a></li>\n' for link in links)
    page = _PAGE.format(
        title=escape(title),
        style=_STYLE,
        sentence=escape(sentence),
        links=f"<ul>\n{items}</ul>\n" if items else "",
    )
    return Response(status, {"Content-Type": f"{HTML}; charset=utf-8", **headers}, page.encode())
