"""What tests of every kind may ask for."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.local.embedded_aws.process import EmbeddedAws
from infra.local.ports import any_free_port


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Compare permissions last, when every other test has had its calls recorded."""
    items.sort(key=lambda item: item.path.name == "test_permissions.py")


@pytest.fixture(scope="session")
def embedded_aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedAws]:
    """An empty AWS; for the session, boto3 talks to it and to no other."""
    aws = EmbeddedAws(any_free_port(), tmp_path_factory.mktemp("embedded-aws"))
    aws.start()
    with pytest.MonkeyPatch.context() as environment:
        for name, value in aws.client_environment.items():
            environment.setenv(name, value)
        environment.delenv("AWS_PROFILE", raising=False)
        try:
            aws.wait_ready()
            yield aws
        finally:
            aws.stop()


@pytest.fixture
def own_aws(tmp_path: Path) -> Iterator[EmbeddedAws]:
    """An AWS for one test, which may stop, kill and start it; its calls are recorded."""
    aws = EmbeddedAws(any_free_port(), tmp_path, record_calls=tmp_path / "calls.jsonl")
    aws.start()
    try:
        aws.wait_ready()
        yield aws
    finally:
        aws.stop()
