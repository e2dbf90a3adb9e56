"""What tests of every kind may ask for."""

from collections.abc import Callable, Iterator
from pathlib import Path, PurePath
from typing import Any

import pytest
from hypothesis import HealthCheck, is_hypothesis_test, settings
from hypothesis.internal.conjecture import providers
from hypothesis.internal.constants_ast import Constants
from xdist.scheduler import LoadScopeScheduling

from infra.local.embedded_aws.process import EmbeddedAws
from infra.local.ports import any_free_port
from tests.flow.client import Client
from tests.flow.running_system import RunningSystem

ON_THE_SYSTEM = {"flow", "interop", "browser"}
ON_THEIR_OWN_SYSTEM = {"test_crash.py", "test_make_run.py"}
ROUNDS_OF_EXAMPLES = 5

# What a commit is judged by is the same every time, and on every machine however slow: no chance, no clock.
settings.register_profile("same", derandomize=True, deadline=None)
# `make test-long` looks where no run has looked before; a class of tests is made anew for each round of it.
settings.register_profile(
    "random",
    max_examples=1000,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.differing_executors],
)
settings.load_profile("same")


def is_on_the_system(path: PurePath) -> bool:
    """Whether the tests of a file use the one system."""
    return path.parts[1] in ON_THE_SYSTEM and path.name not in ON_THEIR_OWN_SYSTEM


class Scheduling(LoadScopeScheduling):
    """Which tests share a process, where `make test` runs several."""

    def _split_scope(self, nodeid: str) -> str:
        """All that use the one system, all that look at the same templates, else those of a file."""
        path = PurePath(nodeid.partition("::")[0])
        if is_on_the_system(path):
            return "the system"
        return "the templates" if path.parts[1:-1] == ("infra",) else str(path)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Scheduling:
    """Instead of xdist's own, none of which lets several files share a process."""
    return Scheduling(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the system, which takes longest and mostly waits; what is short fills the gaps at the end.

    Permissions are compared when every other test of the system has had its calls recorded.
    """

    def place(item: pytest.Item) -> tuple[bool, ...]:
        path = PurePath(item.nodeid.partition("::")[0])
        kind = path.parts[1]
        compares = path.name == "test_permissions.py"
        return not is_on_the_system(path), compares, kind == "unit", kind == "infra", path.name in ON_THEIR_OWN_SYSTEM

    items.sort(key=place)


def pytest_sessionstart() -> None:
    """Let examples not depend on what else ran: hypothesis also tries constants of the modules loaded so far."""
    if settings().derandomize:
        providers._get_local_constants = Constants


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Look at every property several times, where each time brings new examples."""
    if is_hypothesis_test(metafunc.function) and not settings().derandomize:
        metafunc.fixturenames.append("round_of_examples")
        metafunc.parametrize("round_of_examples", range(1, ROUNDS_OF_EXAMPLES + 1))


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
            aws.kill()  # saving what nobody wants any more can take long


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


@pytest.fixture(scope="session")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSystem]:
    """One system for all tests that leave it running; each uses studies of its own."""
    system = RunningSystem(tmp_path_factory.mktemp("system") / "state", has_bindings=True)
    system.start()
    yield system
    assert system.stop() == 0


@pytest.fixture(scope="session")
def endpoints(system: RunningSystem) -> dict[str, Any]:
    """Its `endpoints.json`."""
    return system.endpoints


@pytest.fixture(scope="module")
def client(system: RunningSystem) -> Iterator[Client]:
    """A user of it."""
    with Client(system) as client:
        yield client


@pytest.fixture(scope="module")
def own_system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., RunningSystem]]:
    """Makes a system for one module, which starts, kills and stops it: ``own_system(SAMPLE="yes")``."""
    systems: list[RunningSystem] = []

    def make(**settings: str) -> RunningSystem:
        systems.append(RunningSystem(tmp_path_factory.mktemp("own-system") / "state", **settings))
        return systems[-1]

    yield make
    for system in systems:
        system.kill()
