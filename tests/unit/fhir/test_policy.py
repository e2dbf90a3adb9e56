import json

import pytest

from imaging.fhir.policy import OnDelete, PatientTreatment, PublishingPolicy, Writes, policy_of
from imaging.settings import WrongSetting


@pytest.mark.parametrize("setting", ["", "{}"])
def test_nothing_configured_is_the_default(setting):
    assert policy_of(setting) == PublishingPolicy()


def test_reads_what_a_deployment_configures():
    setting = {"patient": "create-only", "on_delete": "cancel", "writes": "put-by-id", "max_listed_instances": 5}
    policy = policy_of(json.dumps({**setting, "enforce_validation": True}))
    assert policy == PublishingPolicy(
        PatientTreatment.CREATE_ONLY, OnDelete.CANCEL, Writes.PUT_BY_ID, enforce_validation=True, max_listed_instances=5
    )


@pytest.mark.parametrize("setting", ["{", "[1]", "5", '{"patient": "update"}', '{"patients": "sync"}'])
def test_a_setting_that_makes_no_sense_stops_the_process_at_its_start(setting):
    with pytest.raises(WrongSetting, match="FHIR_POLICY"):
        policy_of(setting)
