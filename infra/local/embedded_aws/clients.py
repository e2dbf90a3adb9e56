"""boto3 clients of the embedded AWS, whatever the environment says."""

from functools import cache
from typing import Any

import boto3
from botocore.config import Config

from infra.local.embedded_aws.process import REGION


@cache
def client(service: str, endpoint_url: str) -> Any:  # noqa: ANN401 - boto3 makes its clients' classes at run time
    """The client of `service`; making one takes a while, so each is made once."""
    session: Any = boto3.session.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name=REGION)
    signature = "s3v4" if service == "s3" else "v4"
    return session.client(service, endpoint_url=endpoint_url, config=Config(signature_version=signature, proxies={}))
