"""The app as a command: where its settings come from, and how it refuses wrong ones."""

import json

import pytest

from infra.app import context, main


def test_settings_of_the_caller_take_the_place_of_those_in_cdk_json():
    passed_on = {"CDK_CONTEXT_JSON": json.dumps({"imaging": {"spaces": []}})}

    assert context(passed_on)["imaging"] == {"spaces": []}
    assert context({})["imaging"]["spaces"]


def test_the_flags_of_cdk_json_stay_when_settings_are_passed_on():
    passed_on = {"CDK_CONTEXT_JSON": json.dumps({"imaging": {}})}

    assert context(passed_on)["@aws-cdk/aws-s3:serverAccessLogsUseBucketPolicy"] is True


def test_wrong_settings_end_in_one_sentence(monkeypatch):
    monkeypatch.setenv("CDK_CONTEXT_JSON", json.dumps({"imaging": {"spaces": []}}))

    with pytest.raises(SystemExit) as ended:
        main()

    assert ended.value.code == "imaging.spaces must be a list with at least one storage space, not []."
