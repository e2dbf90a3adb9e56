"""The viewer's page: OHIF's own has scripts in the page, which a strict Content-Security-Policy refuses."""

from pathlib import Path

from infra.npm_package import PackageError

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<title>Viewer</title>
<link rel="icon" type="image/png" sizes="32x32" href="{below}/assets/favicon-32x32.png">
<link rel="stylesheet" href="{below}/app.bundle.css">
<script src="{root}/app-config.js"></script>
<script src="{below}/{application}" defer></script>
</head>
<body>
<noscript>The viewer needs JavaScript.</noscript>
<div id="react-portal"></div>
<div id="root"></div>
</body>
</html>
"""


def index_html(folder: Path, *, root: str, below: str) -> str:
    """Write the page that starts what lies in the folder.

    Parameters
    ----------
    root
        The path of the viewer: ``/viewer``.
    below
        The path that the folder is served at.

    Raises
    ------
    PackageError
        If the folder does not hold the one application.
    """
    applications = [path.name for path in folder.glob("app.bundle.*.js")]
    if len(applications) != 1:
        raise PackageError("OHIF's package does not hold the one app.bundle that its page starts.")
    return _PAGE.format(root=root, below=below, application=applications[0])
