"""The sample study is a whole study with pictures, and a tour that fails is told in a sentence."""

import io

import pydicom
import pytest
from rich.console import Console

from infra.local.ports import any_free_port
from infra.local.progress import Progress
from infra.local.sample_study import data_set, sample_study
from infra.local.sample_tour import SampleTour


def test_the_sample_study_is_whole_and_has_pictures() -> None:
    data_sets = [pydicom.dcmread(instance.path) for instance in sample_study()]
    assert len(data_sets) == 11
    assert len({ds.StudyInstanceUID for ds in data_sets}) == 1
    assert len({ds.SeriesInstanceUID for ds in data_sets}) == 3
    assert all(len(ds.PixelData) == ds.Rows * ds.Columns * 2 for ds in data_sets)


def test_the_data_set_begins_behind_the_file_meta_information() -> None:
    part10 = sample_study()[0].part10
    assert data_set(part10).startswith(b"\x08\x00")
    assert part10.endswith(data_set(part10))


def test_a_system_that_does_not_answer_is_told_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    shown = io.StringIO()
    front = f"http://127.0.0.1:{any_free_port()}"
    endpoints = {
        "spaces": {"main": {"dicomweb": f"{front}/spaces/main", "ae_title": "MAIN"}},
        "dimse": {"host": "127.0.0.1", "port": any_free_port()},
        "fhir": f"{front}/fhir",
        "aws": {"event_bus": "imaging"},
    }

    SampleTour(endpoints, 1, Progress(Console(file=shown, width=200)))()

    assert shown.getvalue().startswith("The sample study did not come through (ConnectError: ")
    assert shown.getvalue().endswith("The system stays up.\n")
