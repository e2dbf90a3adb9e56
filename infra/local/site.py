"""The viewer and the page of what came in, from disk: what CloudFront serves from a bucket."""

from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.staticfiles import StaticFiles

from infra.site_parts import PAGE, PAGE_FOLDER, SitePart, viewer_parts
from infra.viewer.app_config import ROOT as VIEWER
from infra.viewer.app_config import app_config
from infra.viewer.folder import ViewerFolder
from infra.viewer_config import ViewerConfiguration

_MEDIA_TYPES = {  # what a browser insists on, whatever this machine's own list says
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".wasm": "application/wasm",
    ".woff2": "font/woff2",
}


@dataclass(frozen=True)
class _Folder:
    part: SitePart
    files: StaticFiles


class Site:
    """Answers with files, as the distribution's behaviours do.

    Parameters
    ----------
    folder
        The viewer's; None for a viewer elsewhere.
    configuration_folder
        Where the viewer's configuration is written.
    spaces
        That the viewer shows.
    """

    def __init__(
        self,
        configuration: ViewerConfiguration,
        *,
        folder: ViewerFolder | None,
        configuration_folder: Path,
        spaces: list[str],
        public_base_address: str,
    ) -> None:
        self._folders: dict[str, _Folder] = {"/page/": _Folder(PAGE, StaticFiles(directory=PAGE_FOLDER))}
        if folder:
            files, page = viewer_parts(configuration.embedded_in)
            configuration_folder.mkdir(parents=True, exist_ok=True)
            (configuration_folder / "app-config.js").write_text(app_config(spaces, public_base_address), "utf-8")
            self._folders |= {
                f"{VIEWER}/files/": _Folder(files, StaticFiles(directory=folder.files)),
                f"{VIEWER}/index.html": _Folder(page, StaticFiles(directory=folder.path)),
                f"{VIEWER}/app-config.js": _Folder(page, StaticFiles(directory=configuration_folder)),
            }

    @property
    def has_viewer(self) -> bool:
        """Whether the viewer is ours."""
        return f"{VIEWER}/index.html" in self._folders

    async def answer(self, request: Request, uri: str) -> Response:
        """Answer with the file.

        Parameters
        ----------
        uri
            Its path, percent-encoded, as the routing rule gives it.

        Raises
        ------
        HTTPException
            404 for none, 405 for another method than GET and HEAD.
        """
        path = unquote(uri)
        for beginning, folder in self._folders.items():
            if path.startswith(beginning):
                inside = path.removeprefix(beginning) if beginning.endswith("/") else PurePosixPath(path).name
                return _dressed(await folder.files.get_response(inside, request.scope), folder.part, inside)
        raise HTTPException(404)


def _dressed(response: Response, part: SitePart, path: str) -> Response:
    response.headers.update({**part.headers, "cache-control": part.cache_control})
    if response.status_code in (200, 206):
        suffix = PurePosixPath(path).suffix
        if suffix in _MEDIA_TYPES:
            response.headers["content-type"] = _MEDIA_TYPES[suffix]
        if part.is_packed:
            response.headers["content-encoding"] = "gzip"
    return response
