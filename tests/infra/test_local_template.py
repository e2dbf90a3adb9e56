"""The local run's templates are the deployed ones, but for what design and README name."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

LOCAL = ("000000000000", "us-east-1")
DEPLOYED = ("111122223333", "eu-central-1")


PUTS_FILES = re.compile("/ImagingGateway/Resources/(SiteFiller|CustomCDKBucketDeployment|SiteBucket.*/Tags$)")
"""The viewer and the page into their bucket, with the CDK's own function; the front door serves them from disk."""


def read(synthesised, account, region) -> dict[str, Any]:
    """All templates, with account, region and the name that follows from the API's methods replaced."""
    text = json.dumps(synthesised.stacks).replace(account, "<account>").replace(region, "<region>")
    return json.loads(re.sub(r"DicomwebApiDeployment\w+", "DicomwebApiDeployment", text))


def differences(one: Any, other: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    if isinstance(one, dict) and isinstance(other, dict):
        for key in sorted(one.keys() | other.keys()):
            yield from differences(one.get(key), other.get(key), f"{path}/{key}")
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for place, (left, right) in enumerate(zip(one, other, strict=True)):
            yield from differences(left, right, f"{path}/{place}")
    elif one != other:
        yield path, one, other


SETTINGS_OF_THE_RUN = {  # by the name of the variable: locally, deployed, and what the difference is
    "QUIET_SECONDS": ("5", "30", "quiet seconds"),
    "QuietMilliseconds": ("5000", "30000", "quiet seconds"),
    "QUERY_TAGS_SETTLE_SECONDS": ("0", "900", "settle seconds"),
}


def explain(path: str, local: Any, deployed: Any) -> str:
    if path.endswith("AuthorizationType") and (local, deployed) == ("NONE", "AWS_IAM"):
        return "authorisation"
    if re.search(r"(LayersDependencies|Pixels)\w+/Properties/Content/S3Key$", path):
        return "dependency layer"
    if PUTS_FILES.match(path) and (local is None or path.endswith("/Tags")):
        return "what puts files"
    here, there, what = SETTINGS_OF_THE_RUN.get(path.rpartition("/")[2], ("", "", ""))
    if what and (local, deployed) == (here, there):
        return what
    if isinstance(local, str) and as_deployed(local) == deployed:
        return "operators' command"
    return f"{path}: {local!r} locally, {deployed!r} deployed"


def as_deployed(environment: str) -> str:
    """The environment of the operators' command, JSON, with what it would be in a deployment."""
    for name, (here, there, _) in SETTINGS_OF_THE_RUN.items():
        environment = environment.replace(f'"{name}":"{here}"', f'"{name}":"{there}"')
    return environment


def test_differs_from_the_deployed_one_in_what_is_named_and_nothing_else(local, deployed):
    found = Counter(explain(*difference) for difference in differences(read(local, *LOCAL), read(deployed, *DEPLOYED)))

    assert dict(found) == {
        "authorisation": 20,  # one for each method of the API
        "dependency layer": 5,  # one for each stack with functions, and that of the pixels
        "quiet seconds": 6,  # five functions, the timer
        "settle seconds": 2,  # of the two functions that have all settings of the pipeline
        "operators' command": 2,  # both again
        "what puts files": 11,  # its log, role and function, what it puts, and how the bucket is marked as its
    }


def test_the_layers_asset_is_the_only_one_that_differs_and_those_of_the_site_are_not_local(local, deployed):
    folders = [
        {path.name for path in synthesised.folder.glob("asset.*") if path.is_dir()} for synthesised in (local, deployed)
    ]

    assert len(folders[0] - folders[1]) == 1
    of_the_site = 4  # the page's folder, the viewer's, its page with its configuration, and the function's code
    assert len(folders[1] - folders[0]) == 1 + of_the_site
