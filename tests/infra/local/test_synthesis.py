"""Which settings the local run is made from."""

import json

import pytest

from infra.local.failure import CannotRun
from infra.local.settings import Settings
from infra.local.synthesis import Synthesis, local_context


def test_settings_that_are_passed_on_take_the_place_of_those_in_cdk_json_but_not_of_this_machines(monkeypatch):
    tags = [{"tag": "ImageComments", "level": "series"}]
    passed_on = {"imaging": {"query_tags": tags, "region": "eu-central-1", "local": False}}
    monkeypatch.setenv("CDK_CONTEXT_JSON", json.dumps(passed_on))

    imaging = local_context(Settings.of({}))["imaging"]

    assert imaging["query_tags"] == tags
    assert (imaging["region"], imaging["local"]) == ("us-east-1", True)
    assert [space["name"] for space in imaging["spaces"]] == ["main", "research"]


def test_how_studies_are_published_is_passed_on_but_not_where(monkeypatch):
    fhir = {"create_healthlake": True, "patient": "create-only", "document_references": True}
    monkeypatch.setenv("CDK_CONTEXT_JSON", json.dumps({"imaging": {"fhir": fhir}}))
    settings = Settings.of({})

    imaging = local_context(settings)["imaging"]

    assert imaging["fhir"] == {"base_url": settings.fhir, "patient": "create-only", "document_references": True}


def test_a_wrong_setting_is_told_in_one_sentence(monkeypatch, tmp_path):
    monkeypatch.setenv("CDK_CONTEXT_JSON", json.dumps({"imaging": {"dimse": {"callers": "all"}}}))
    synthesis = Synthesis(Settings.of({}), tmp_path / "out", tmp_path / "synthesis.log")
    (tmp_path / "out").mkdir()

    with pytest.raises(CannotRun, match=r"^imaging\.dimse\.callers must be 'registered' or 'any', not 'all'\.$"):
        synthesis.make()
