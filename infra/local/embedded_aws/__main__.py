"""The embedded AWS as a process: `process.EmbeddedAws` starts it with AWS_PORT and STATE_DIR."""

import os
import shutil
from pathlib import Path

from infra.local.embedded_aws.object_repair import repair


def main() -> None:
    """Prepare the folder and the environment, which MiniStack reads while it is imported; then run it."""
    state = Path(os.environ["STATE_DIR"]).resolve() / "aws"
    temporary = state / "tmp"
    shutil.rmtree(temporary, ignore_errors=True)  # functions' folders that a crash left
    temporary.mkdir(parents=True)
    repair(state / "s3")
    os.environ.update(
        GATEWAY_PORT=os.environ["AWS_PORT"],
        PERSIST_STATE="1",
        STATE_DIR=str(state / "services"),
        S3_PERSIST="1",
        S3_DATA_DIR=str(state / "s3"),
        TMPDIR=str(temporary),
        LAMBDA_EXECUTOR="local",
        IOT_MTLS_ENABLED="0",
        SFTP_ENABLED="0",
    )
    from infra.local.embedded_aws.composition import run  # noqa: PLC0415

    run(state)


if __name__ == "__main__":
    main()
