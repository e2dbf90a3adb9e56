"""CONFORMANCE.md and README.md say what the code does."""

import re
from pathlib import Path

import pytest
from pydicom.uid import UID

from imaging import model
from imaging.dicomweb import arrivals_query
from imaging.dicomweb.image_display_parameters import OF_BOTH, OF_PATIENT, OF_STUDY, SPACE
from imaging.dicomweb.status import failure_reason, http_status
from imaging.dimse import status
from imaging.dimse.extended_negotiation import FIELDS_OF_SERVICE
from imaging.dimse.negotiation import IDLE_SECONDS, NEGOTIATION_SECONDS
from imaging.dimse.pdus import MAX_PDU_LENGTH_BYTES
from imaging.dimse.peers import Service
from imaging.dimse.policy import REJECTIONS
from imaging.dimse.presentation_contexts import MESSAGE_TRANSFER_SYNTAXES
from imaging.dimse.sop_classes import SERVICE_OF_SOP_CLASS
from imaging.dimse.status import STATUS_OF_REASON
from imaging.dimse.storage_commitment_messages import FAILURE_REASONS
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
        "DIMSE_TLS_PORT": str(defaults.dimse_tls_port),
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


def statuses(heading: str) -> set[int]:
    return {int(first, 16) for first, _ in rows(CONFORMANCE, heading) if first != "others"}


def test_states_every_parameter_of_arrivals():
    assert [name for name, _ in rows(CONFORMANCE, "parameter of `/arrivals`")] == list(arrivals_query.PARAMETERS)


def test_states_every_parameter_of_invoke_image_display():
    stated = {name: used_with.partition(",")[0] for name, used_with, _ in rows(CONFORMANCE, "parameter of RAD-106")}
    assert stated == {
        **dict.fromkeys((*OF_BOTH, SPACE), "both"),
        **dict.fromkeys(OF_PATIENT, "PATIENT"),
        **dict.fromkeys(OF_STUDY, "STUDY"),
    }


def test_states_every_status_of_invoke_image_display():
    # tests/unit/dicomweb/test_image_display_resource.py sees that there is no other, but for the 406 of every path
    assert [int(status) for status, _ in rows(CONFORMANCE, "status of RAD-106")] == [302, 200, 300, 400, 404, 406, 503]


def test_states_every_sop_class_and_the_service_that_a_peer_needs_for_it():
    stated = {uid: service for _, uid, _, service in rows(CONFORMANCE, "SOP Class | UID") if uid != "-"}
    assert stated == {uid: service or "none needed" for uid, service in SERVICE_OF_SOP_CLASS.items()}


def test_states_every_rejection_of_an_association():
    stated = [tuple(cells) for cells in rows(CONFORMANCE, "rejection")]
    sent = [(each.because, f"{each.result}, {each.source}, {each.reason}") for each in REJECTIONS]
    assert sorted(stated) == sorted(sent)


def test_states_every_transfer_syntax_of_messages():
    stated = {uid: name for name, uid in rows(CONFORMANCE, "transfer syntax of requests")}
    assert stated == {uid: UID(uid).name for uid in MESSAGE_TRANSFER_SYNTAXES}


def test_states_every_option_of_query_and_retrieve_at_its_byte():
    stated = rows(CONFORMANCE, "option | FIND byte")
    assert [find for _, find, *_ in stated] == [str(n + 1) for n in range(len(FIELDS_OF_SERVICE[Service.FIND]))]
    assert [bool(field) for field in FIELDS_OF_SERVICE[Service.FIND]] == ["not done" not in text for *_, text in stated]
    retrieved = [option for option, _, byte, _ in stated if byte != "-"]
    assert len(retrieved) == len(FIELDS_OF_SERVICE[Service.MOVE]) == len(FIELDS_OF_SERVICE[Service.GET])


def test_states_the_limits_of_an_association():
    for text in (
        f"{MAX_PDU_LENGTH_BYTES} bytes announced",
        f"{IDLE_SECONDS:.0f} seconds between two messages",
        f"{NEGOTIATION_SECONDS:.0f} seconds; then the connection is closed",
    ):
        assert text in CONFORMANCE


def test_states_every_status_of_dimse():
    assert statuses("C-STORE status |") == {
        status.SUCCESS,
        status.PROCESSING_FAILURE,
        status.NO_SUCH_SOP_CLASS,
        status.OUT_OF_RESOURCES,
    }
    assert statuses("C-MOVE and C-GET status |") == {
        status.SUCCESS,
        status.PENDING,
        status.CANCELLED,
        status.SOME_FAILED,
        status.TOO_MANY_MATCHES,
        status.NONE_SENT,
        status.MOVE_DESTINATION_UNKNOWN,
        status.IDENTIFIER_DOES_NOT_MATCH,
        status.UNABLE_TO_PROCESS,
    }
    assert statuses("N-ACTION status |") == {
        status.SUCCESS,
        status.NO_SUCH_SOP_INSTANCE,
        status.INVALID_ARGUMENT_VALUE,
        status.NO_SUCH_SOP_CLASS_OF_ACTION,
        status.NO_SUCH_ACTION,
        status.RESOURCE_LIMITATION,
    }
    stated = {int(reason, 16) for reason, _ in rows(CONFORMANCE, "Failure Reason (0008,1197) of storage commitment")}
    assert stated == set(FAILURE_REASONS.values())
