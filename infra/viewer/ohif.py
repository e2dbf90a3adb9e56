"""Which OHIF, and what of it."""

from pathlib import PurePosixPath

from infra.npm_package import NpmPackage

OHIF = NpmPackage(
    name="@ohif/app",
    version="3.13.2",
    integrity="sha512-WZdxmpmG7rqFgW9ZJLcbgr3XCtLi1KDNPoMaeY5PPe6j4G4fjEjjkycZM6C6Zk2F87BKxFfpq+jd5xXZB9E8EA==",
)
DIST = "dist"
"""The folder of the package that holds the built viewer."""

_FOLDERS = {
    "assets": "pictures",
    "dicom-microscopy-viewer": "what draws whole slides",
}
# Beside those: what the bundles ask for. Not ort/, which runs models that segment and that we do not bring; not a
# service worker, which would keep a copy of what it has passed on.
_SUFFIXES = (".css", ".wasm", ".woff2", ".svg")


def is_served(path: str) -> bool:
    """Whether a file of the package, ``dist/app.bundle.css``, is asked for by the viewer as we serve it."""
    top, *inside = PurePosixPath(path).parts
    if top != DIST or path.endswith(".map"):
        return False
    if len(inside) > 1:
        return inside[0] in _FOLDERS
    return ".bundle." in inside[0] or inside[0].endswith(_SUFFIXES)
