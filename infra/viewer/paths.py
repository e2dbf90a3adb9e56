"""Turns the paths in OHIF's files, which begin at ``/``, into those they are served at."""

from pathlib import Path

from infra.viewer.replacement import Replacement, replace


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
    in_bundles = (
        # What chunks, workers, WebAssembly and pictures are looked for below.
        Replacement('__webpack_require__.p = "/";', f'__webpack_require__.p = "{below}/";', 8),
        Replacement("'/dicom-microscopy-viewer/", f"'{below}/dicom-microscopy-viewer/", 1),
    )
    replace(folder, "*.bundle.*.js", in_bundles)
    replace(folder, "*.css", [Replacement("url(/", f"url({below}/", 5)])
