"""What the viewer and the page of what came in are answered with: CloudFront's headers, and the front door's.

References
----------
W3C, *Content Security Policy Level 3*; RFC 9111, *HTTP Caching*; RFC 8246, *Immutable Responses*.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

PAGE_FOLDER = Path(__file__).with_name("page")

_NOTHING = "'none'"
_OURS = "'self'"


@dataclass(frozen=True)
class SitePart:
    """Files that are answered alike.

    Attributes
    ----------
    name
        For the construct's ids.
    paths
        Which: CloudFront's path patterns.
    cache_control
        How long a browser keeps them. It lies beside each file and is of no other answer: a failure that was
        answered with it would be kept as long.
    content_security_policy
        What they may load, and who may frame them.
    is_packed
        Whether they lie there packed with gzip.
    """

    name: str
    paths: tuple[str, ...]
    cache_control: str
    content_security_policy: str
    is_packed: bool = False

    @property
    def headers(self) -> Mapping[str, str]:
        """What every answer carries, found or not."""
        return {
            "content-security-policy": self.content_security_policy,
            "referrer-policy": "no-referrer",  # an address of the viewer names studies
            "x-content-type-options": "nosniff",
        }


PAGE = SitePart(
    name="Page",
    paths=("/", "/page/*"),
    cache_control="no-cache",
    content_security_policy="; ".join(
        (
            f"default-src {_NOTHING}",
            *(f"{kind}-src {_OURS}" for kind in ("script", "style", "connect")),
            f"img-src {_OURS} blob:",
            *(f"{rule} {_NOTHING}" for rule in ("base-uri", "form-action", "frame-ancestors")),
        )
    ),
)


def viewer_parts(embedded_in: Iterable[str]) -> tuple[SitePart, SitePart]:
    """The files that OHIF's page loads, which never change, and that page with its configuration.

    No request of theirs goes to anybody but this deployment. (That a page is left for another one, whose address
    may say anything, is no request of its own: no policy stops it.)

    Parameters
    ----------
    embedded_in
        Origins whose pages may frame the viewer.
    """
    return (
        SitePart(
            name="ViewerFiles",
            paths=("/viewer/files/*",),
            cache_control="public, max-age=31536000, immutable",
            content_security_policy=_WORKERS,
            is_packed=True,
        ),
        SitePart(
            name="Viewer",
            paths=("/viewer", "/viewer/*"),
            cache_control="no-cache",
            content_security_policy="; ".join((_VIEWER, " ".join(("frame-ancestors", _OURS, *embedded_in)))),
        ),
    )


_SHUT = tuple(f"{rule} {_NOTHING}" for rule in ("base-uri", "form-action"))
# Codecs are WebAssembly, and their glue makes functions of text; so does ndarray, by which segmentations are drawn.
_SCRIPTS = f"script-src {_OURS} 'wasm-unsafe-eval' 'unsafe-eval'"
# Of a worker holds what its own script comes with.
_WORKERS = "; ".join(
    (
        f"default-src {_NOTHING}",
        _SCRIPTS,
        f"connect-src {_OURS}",
        f"worker-src {_OURS} blob:",
        *_SHUT,
        f"frame-ancestors {_NOTHING}",
    )
)
_VIEWER = "; ".join(
    (
        f"default-src {_NOTHING}",
        _SCRIPTS,
        f"worker-src {_OURS} blob:",
        f"style-src {_OURS} 'unsafe-inline'",
        f"connect-src {_OURS} blob: data:",
        f"img-src {_OURS} blob: data:",
        f"font-src {_OURS}",
        *(f"{kind}-src {_OURS} blob:" for kind in ("media", "object", "frame")),
        *_SHUT,
    )
)
