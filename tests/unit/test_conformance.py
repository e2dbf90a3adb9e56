"""CONFORMANCE.md and README.md say what the code does."""

import re
from pathlib import Path

import pytest

from imaging import model
from imaging.dicomweb.status import failure_reason, http_status
from imaging.dimse.status import STATUS_OF_REASON
from imaging.errors import RejectReason
from imaging.fhir import endpoint, imaging_study
from imaging.reading.query_keys import MATCH_KEYS
from infra.local.embedded_aws.inert_resources import INERT_TYPES
from infra.local.settings import Settings

ROOT = Path(__file__).parents[2]
CONFORMANCE = (ROOT / "CONFORMANCE.md").read_text()
README = (ROOT / "README.md").read_text()


def rows(text: str, heading: str) -> list[list[str]]:
    """The cells of the first table whose heading row starts so."""
    lines = text[text.index(f"\n| {heading}") :].strip().splitlines()
    table = lines[: next((place for place, line in enumerate(lines) if not line.startswith("|")), len(lines))]
    return [[cell.strip().strip("`") for cell in line.strip("|").split(" | ")] for line in table[2:]]


def test_states_every_refusal_with_its_codes():
    stated = {reason: cells for reason, *cells in rows(CONFORMANCE, "reason")}
    assert stated == {
        reason.value: [
            str(int(http_status(reason))),
            f"0x{failure_reason(reason):04X}",
            f"0x{STATUS_OF_REASON[reason]:04X}",
        ]
        for reason in RejectReason
    }


def test_states_every_attribute_that_can_be_matched():
    assert rows(CONFORMANCE, "attribute") == [[key.keyword, key.tag, key.level.name.lower()] for key in MATCH_KEYS]


def test_states_every_event_and_its_schema():
    stated = {Path(schema).name for _, schema in rows(CONFORMANCE, "detail-type")}
    assert stated == {schema.name for schema in (Path(model.__file__).parent / "schemas").glob("*.json")}


def test_readme_has_every_setting_of_make_run_with_its_default():
    defaults = Settings.of({})
    assert {name: default for name, default, _ in rows(README, "setting of `make run`")} == {
        "PORT": str(defaults.port),
        "DIMSE_PORT": str(defaults.dimse_port),
        "AWS_PORT": str(defaults.aws_port),
        "STATE_DIR": defaults.state_dir.name,
        "QUIET_SECONDS": str(defaults.quiet_seconds),
        "SAMPLE": "yes" if defaults.sample else "no",
    }


@pytest.mark.parametrize("resource_type", INERT_TYPES)
def test_readme_names_what_the_embedded_aws_does_not_imitate(resource_type):
    assert resource_type.removeprefix("AWS::") in README


def test_readme_links_to_files_that_exist():
    for target in re.findall(r"\]\(((?!http)[^)]+)\)", README):
        assert (ROOT / target).exists(), target


@pytest.mark.parametrize("file", sorted(set(re.findall(r"`(tests/[^`]+)`", CONFORMANCE))))
def test_names_tests_that_exist(file):
    assert (ROOT / file).is_file()


def test_states_a_test_for_each_part_of_the_store_transaction():
    assert all(tests.startswith("tests/") for _, _, tests in rows(CONFORMANCE, "what | as"))


FHIR_ROWS = rows(CONFORMANCE, "Element | Source")


@pytest.mark.parametrize(("element", "test"), [(row[0], row[3]) for row in FHIR_ROWS])
def test_names_a_test_for_each_element_of_fhir(element, test):
    assert list((ROOT / "tests/unit").glob(f"*/{test}.py")), element


@pytest.mark.parametrize(
    ("resource_type", "elements"),
    [("ImagingStudy", imaging_study.ELEMENTS), ("Endpoint", endpoint.ELEMENTS)],
)
def test_states_a_rule_for_each_element_that_the_mapping_gives(resource_type, elements):
    stated = " ".join(row[0] for row in FHIR_ROWS if row[0].startswith((resource_type, "series.")))
    assert [element for element in elements if not re.search(rf"\b{element}\b", stated)] == []
