"""Turns the paths in OHIF's files, which begin at ``/``, into those they are served at."""

from pathlib import Path

from infra.npm_package import PackageError

_IN_BUNDLES = (
    # What chunks, workers, WebAssembly and pictures are looked for below.
    ('__webpack_require__.p = "/";', '__webpack_require__.p = "{below}/";', 8),
    ("'/dicom-microscopy-viewer/", "'{below}/dicom-microscopy-viewer/", 1),
)
_IN_STYLES = (("url(/", "url({below}/", 5),)


def serve_below(folder: Path, below: str) -> None:
    """Rewrite the files in the folder.

    Parameters
    ----------
    below
        The path that the folder is served at, without a slash at the end.

    Raises
    ------
    PackageError
        If what is to be replaced does not stand where this version has it.
    """
    for pattern, replacements in (("*.bundle.*.js", _IN_BUNDLES), ("*.css", _IN_STYLES)):
        texts = {path: path.read_text("utf-8") for path in folder.glob(pattern)}
        for old, new, times in replacements:
            if sum(text.count(old) for text in texts.values()) != times:
                raise PackageError(f"OHIF's files hold {old!r} in other places than in the version that was pinned.")
            texts = {path: text.replace(old, new.format(below=below)) for path, text in texts.items()}
        for path, text in texts.items():
            path.write_text(text, "utf-8")
