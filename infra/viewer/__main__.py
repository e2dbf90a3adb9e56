"""Make the viewer's folder, or find it made: ``python -m infra.viewer``."""

import sys

from infra.npm_package import PackageError
from infra.viewer.folder import viewer_folder

if __name__ == "__main__":
    try:
        print(viewer_folder().path)
    except PackageError as reason:
        sys.exit(str(reason))
