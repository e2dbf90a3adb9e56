"""The settings of `make run`: defaults, and one sentence for each mistake."""

from pathlib import Path

import pytest

from infra.local.failure import CannotRun
from infra.local.settings import Settings


def test_the_defaults_are_those_of_the_contract() -> None:
    settings = Settings.of({})
    assert settings.ports == {"PORT": 8080, "DIMSE_PORT": 11112, "AWS_PORT": 4566}
    assert (settings.state_dir, settings.quiet_seconds, settings.sample) == (Path(".local").resolve(), 5, True)
    assert (settings.front, settings.fhir) == ("http://127.0.0.1:8080", "http://127.0.0.1:8080/fhir")


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        ({"PORT": "http"}, "PORT must be a whole number from 1 to 65535, not 'http'."),
        ({"PORT": "0"}, "PORT must be a whole number from 1 to 65535, not '0'."),
        ({"AWS_PORT": "70000"}, "AWS_PORT must be a whole number from 1 to 65535, not '70000'."),
        ({"DIMSE_TLS_PORT": "65536"}, "DIMSE_TLS_PORT must be a whole number from 0 to 65535, not '65536'."),
        (
            {"DIMSE_TLS_PORT": "11112"},
            "PORT, DIMSE_PORT, AWS_PORT, DIMSE_TLS_PORT must be different ports.",
        ),
        ({"QUIET_SECONDS": "-1"}, "QUIET_SECONDS must be a whole number from 1 to 86400, not '-1'."),
        ({"SAMPLE": "maybe"}, "SAMPLE must be yes or no, not 'maybe'."),
        ({"DIMSE_PORT": "8080"}, "PORT, DIMSE_PORT, AWS_PORT must be different ports."),
    ],
)
def test_a_mistake_is_named_with_what_it_must_be(environment: dict[str, str], sentence: str) -> None:
    with pytest.raises(CannotRun) as refused:
        Settings.of(environment)
    assert str(refused.value) == sentence
