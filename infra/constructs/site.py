"""The viewer and the page of what came in: files in a bucket that CloudFront alone reads."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

from aws_cdk import Duration
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.config import Configuration
from infra.constructs.acknowledge import acknowledge
from infra.constructs.site_filler import SiteFiller
from infra.constructs.storage_space import keep_policy
from infra.site_parts import PAGE, PAGE_FOLDER, SitePart, viewer_parts
from infra.viewer.app_config import app_config
from infra.viewer.folder import ViewerFolder
from infra.viewer_config import ViewerConfiguration


class Site(Construct):
    """A bucket with the files, each below the path that it is served at.

    Locally the bucket stays empty: the front door serves the files from disk.

    Parameters
    ----------
    folder
        The viewer's; None for a viewer elsewhere, and locally.
    key
        Encrypts the log of what puts the files there.
    """

    def __init__(
        self,
        scope: Construct,
        name: str,
        configuration: Configuration,
        viewer: ViewerConfiguration,
        *,
        folder: ViewerFolder | None,
        public_base_address: str,
        key: kms.IKey,
    ) -> None:
        super().__init__(scope, name)
        of_viewer = viewer_parts(viewer.embedded_in)
        self.parts: Sequence[SitePart] = (*(of_viewer if viewer.is_ohif else ()), PAGE)
        self.bucket = s3.Bucket(
            self,
            "Bucket",
            # Programs that everybody may have, and nothing of a patient: a key of ours would only have to be opened
            # to CloudFront.
            encryption=s3.BucketEncryption.S3_MANAGED,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            versioned=True,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            lifecycle_rules=[s3.LifecycleRule(id="replaced", noncurrent_version_expiration=Duration.days(30))],
        )
        keep_policy(self.bucket)
        acknowledge(self.bucket, "S1", "CloudFront alone reads it, and what it holds is of no patient.")
        if not configuration.local:
            filler = SiteFiller(self, "Filler", configuration, self.bucket, key=key)
            filler.put("page", PAGE_FOLDER, cache_control=PAGE.cache_control, prune=True)
            if folder:
                spaces = [space.name for space in configuration.spaces]
                _put_viewer(filler, folder, app_config(spaces, public_base_address), *of_viewer)


def _put_viewer(
    filler: SiteFiller, folder: ViewerFolder, viewer_configuration: str, loaded: SitePart, page: SitePart
) -> None:
    # Pages that are open somewhere go on loading what belongs to them: nothing is taken away.
    files = filler.put("viewer/files", folder.files, cache_control=loaded.cache_control, content_encoding="gzip")
    with tempfile.TemporaryDirectory() as pages:  # the CDK takes its copy at once
        Path(pages, "index.html").write_text(folder.index_html.read_text("utf-8"), "utf-8")
        Path(pages, "app-config.js").write_text(viewer_configuration, "utf-8")
        filler.put("viewer", Path(pages), cache_control=page.cache_control).node.add_dependency(files)
