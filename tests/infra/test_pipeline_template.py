"""What the processes and the queues between them promise."""

import json
import re
from datetime import timedelta

from tests.infra.bindings import BINDINGS
from tests.infra.synthesised import flat


def test_synthesis_looks_nothing_up(full, existing):
    assert "missing" not in full.manifest
    assert "missing" not in existing.manifest


def test_every_queue_is_encrypted_and_ends_in_a_dead_letter_queue_with_an_alarm(full):
    queues = full.properties("AWS::SQS::Queue")
    ends = {
        f"{name.split('/')[0]}/{queue['RedrivePolicy']['deadLetterTargetArn']['Fn::GetAtt'][0]}"
        for name, queue in queues.items()
        if "RedrivePolicy" in queue
    }
    alarmed = {
        (f"{name.split('/')[0]}/{dimension['Value']['Fn::GetAtt'][0]}", alarm["MetricName"])
        for name, alarm in full.properties("AWS::CloudWatch::Alarm").items()
        for dimension in alarm.get("Dimensions", [])
        if dimension["Name"] == "QueueName"
    }

    assert len(ends) == 4 + len(BINDINGS)  # of index_instance, store_drop, finalize_study, publish_study
    for name, queue in queues.items():
        assert queue["SqsManagedSseEnabled"] is True, name
        watched = "ApproximateAgeOfOldestMessage" if "RedrivePolicy" in queue else "ApproximateNumberOfMessagesVisible"
        assert (name, watched) in alarmed
        assert "RedrivePolicy" in queue or name in ends or "PutAside" in name


def test_alarms_tell_whoever_is_configured(full, deployed):
    [subscription] = full.properties("AWS::SNS::Subscription").values()

    assert subscription["Endpoint"] == "imaging@example.org"
    for name, alarm in full.properties("AWS::CloudWatch::Alarm").items():
        assert alarm["AlarmActions"], name
    assert not deployed.of_type("AWS::SNS::Topic")


def test_every_function_has_a_role_a_log_group_and_traces_of_its_own(full):
    functions = full.processes

    assert len({json.dumps(function["Role"]) for function in functions.values()}) == len(functions)
    assert len(functions) == 11 + len([binding for binding in BINDINGS if "dimse" not in binding["target"]])
    assert len({json.dumps(function["LoggingConfig"]) for function in functions.values()}) == len(functions)
    for name, function in functions.items():
        assert function["TracingConfig"] == {"Mode": "Active"}, name
        assert function["Architectures"] == ["arm64"], name
        assert len(function["Layers"]) == (3 if name == "search_retrieve" else 2), name
        assert function["Environment"]["Variables"]["POWERTOOLS_TRACER_CAPTURE_RESPONSE"] == "false", name


def test_a_worker_has_time_before_its_message_comes_back(full):
    """Six times the function's timeout, as Lambda's guide on SQS asks; less where being counted as tried is no harm."""
    for name, times in (("IndexInstance", 6), ("StoreDrop", 1.3), ("FinalizeStudy", 6), ("PublishStudy", 6)):
        [visibility] = {
            queue["VisibilityTimeout"]
            for queue_name, queue in full.properties("AWS::SQS::Queue").items()
            if re.search(rf"/{name}Queue", queue_name)
        }
        process = re.sub("(?<!^)(?=[A-Z])", "_", name).lower()
        assert visibility >= times * full.process(process)["Timeout"], name


def test_a_batch_fails_record_by_record(full):
    mappings = full.properties("AWS::Lambda::EventSourceMapping")

    assert len(mappings) == 5 + len([binding for binding in BINDINGS if "dimse" not in binding["target"]])
    for name, mapping in mappings.items():
        assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"], name


def test_a_change_that_cannot_be_announced_blocks_no_other(full):
    [mapping] = [
        mapping
        for mapping in full.properties("AWS::Lambda::EventSourceMapping").values()
        if "StartingPosition" in mapping
    ]

    assert mapping["StartingPosition"] == "TRIM_HORIZON"
    assert mapping["BisectBatchOnFunctionError"] is True
    assert mapping["MaximumRetryAttempts"] == 10
    assert mapping["MaximumRecordAgeInSeconds"] < timedelta(hours=24).total_seconds()
    assert mapping["DestinationConfig"]["OnFailure"]["Destination"]


def test_the_study_timer_is_logged_without_its_data_and_traced(full):
    [timer] = full.properties("AWS::StepFunctions::StateMachine").values()

    assert timer["StateMachineType"] == "STANDARD"
    assert timer["LoggingConfiguration"]["Level"] == "ALL"
    assert timer["LoggingConfiguration"]["IncludeExecutionData"] is False
    assert timer["TracingConfiguration"] == {"Enabled": True}


def test_the_stream_wakes_the_announcer_for_marked_rows_and_never_for_the_feed_or_what_became_of_publishing(full):
    [mapping] = [
        mapping
        for mapping in full.properties("AWS::Lambda::EventSourceMapping").values()
        if "StartingPosition" in mapping
    ]
    [pattern] = [json.loads(each["Pattern"]) for each in mapping["FilterCriteria"]["Filters"]]

    row = pattern["dynamodb"]["NewImage"]
    assert row["kind"]["S"] == ["STUDY", "INSTANCE", "REVISION"]
    assert row["pending"]["S"] == [{"prefix": "finalize#"}, {"prefix": "announce-"}]


def test_a_timer_ends_at_the_latest_moment_that_it_was_given(full):
    [timer] = full.properties("AWS::StepFunctions::StateMachine").values()

    assert "$min([" in flat(timer["DefinitionString"])
    assert "Execution.Input.at_the_latest" in flat(timer["DefinitionString"])


def test_buckets_and_manifest_are_compared_by_schedule(full):
    rates = {rule.get("ScheduleExpression") for rule in full.properties("AWS::Events::Rule").values()}

    assert {"rate(1 minute)", "rate(15 minutes)"} <= rates
    assert full.process("reconcile")["Environment"]["Variables"]["RECONCILE_DAYS"] == "7"


def test_what_tells_of_drops_again_may_send_to_the_queue_that_it_is_told(full):
    queue_url = full.process("reconcile")["Environment"]["Variables"]["DROP_QUEUE_URL"]
    [send] = [statement for _, statement in full.statements() if statement.get("Sid") == "TellAgain"]

    assert "StoreDrop" in flat(queue_url)
    assert "StoreDrop" in flat(send["Resource"])


def test_an_association_s_end_is_a_hint_only_where_a_space_takes_it_for_one(full, synthesise):
    def hints(deployment):
        return [name for name, statement in deployment.statements() if statement.get("Sid") == "Hint"]

    spaces = [{"name": "main", "ae_title": "MAIN", "finish_on": ["association-released"]}]
    eager = synthesise("eager", {"spaces": spaces})

    assert not hints(full)
    [hint] = hints(eager)
    assert hint.startswith("ImagingDimse/")
    assert any("sqs" in flat(point["ServiceName"]) for point in eager.properties("AWS::EC2::VPCEndpoint").values())
