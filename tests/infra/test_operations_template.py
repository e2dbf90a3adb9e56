"""What operators look at: the dashboard, and what their command is told."""

import json
import re
from pathlib import Path

from tests.infra.bindings import BINDINGS
from tests.infra.synthesised import as_list, flat, of_stack

STACK = "ImagingOperations"


def environment(deployment):
    """What the command reads, its references as text."""
    return resolved(deployment.stacks[STACK]["Outputs"]["OperatorEnvironment"]["Value"])


def resolved(value):
    """A document in JSON, its references as text."""
    return json.loads(text(value))


def text(value):
    """A value with the names of what it refers to."""
    if isinstance(value, dict) and "Fn::Join" in value:
        return "".join(map(text, value["Fn::Join"][1]))
    if isinstance(value, dict):
        [(_, name)] = value.items()
        return name
    return value


def dashboard(deployment):
    [found] = deployment.properties("AWS::CloudWatch::Dashboard").values()
    return flat(found["DashboardBody"])


def test_the_command_is_told_of_every_queue_of_work(full):
    queues = {queue["name"]: queue for queue in json.loads(environment(full)["QUEUES"])}

    assert queues.keys() == {
        *("index_instance", "store_drop", "finalize_study", "announce_change", "publish_study"),
        *(binding["name"] for binding in BINDINGS),
    }
    for name, queue in queues.items():
        assert queue["kind"] == ("deliver" if name.startswith("to-") else name)
        assert queue["dead_letter_queue_url"].startswith("https://sqs.us-east-1."), name
        assert bool(queue["queue_url"]) == (name != "announce_change"), name
    assert queues["to-hook"]["queue_url"].endswith("/123456789012/imaging-deliver-to-hook")
    assert queues["to-hook"]["dead_letter_queue_url"].endswith("/imaging-deliver-to-hook-dead-letters")


def test_the_command_is_told_of_every_binding_as_its_process_is(full):
    told = {binding["name"]: binding for binding in json.loads(environment(full)["BINDINGS"])}
    hook = full.process("deliver-to-hook")["Environment"]["Variables"]["BINDING"]

    assert told["to-hook"] == json.loads(hook)
    assert json.loads(environment(full)["QUERY_TAGS"])


def test_a_binding_can_go_without_another_stack_holding_it(full):
    """CloudFormation does not delete what is exported to a stack that it updates only afterwards."""
    assert not any("Distribution" in name for name in re.findall(r"Imaging\w+:", flat(json.dumps(full.stacks[STACK]))))


def test_the_dashboard_shows_what_comes_in_waits_fails_goes_out_and_costs(full, existing):
    shown = dashboard(full)

    for figure in (
        *("InstancesStored", "InstancesIndexed", "ApproximateAgeOfOldestMessage", "OpenStudies", "StudiesRevised"),
        *("OldestUnpublishedSeconds", "OldestUnannouncedSeconds", "ApproximateNumberOfMessagesVisible"),
        *("Delivered", "DeliveriesRefused", "DeliveriesPutOff"),
        *("ConsumedWriteCapacityUnits", "ExecutionsStarted", "Invocations", "BucketSizeBytes"),
    ):
        assert figure in shown, figure
    assert "imaging-deliver-to-pacs-dead-letters" in shown
    assert "DeliveriesRefused" not in dashboard(existing)


def test_the_dashboard_shows_the_dimse_endpoint_where_there_is_one(full, synthesise):
    shown = dashboard(full)
    without = dashboard(synthesise("without_dimse", {"dimse": {"enabled": False}}))

    for figure in (
        *("AssociationsInFlight", "AssociationsRejected", "HandshakesFailed", "WorkersDied"),
        *("InstancesRefused", "InstancesSent", "BytesReceived", "BytesSent", "StoreMilliseconds", "FindMilliseconds"),
        *("InstancesCommitted", "InstancesNotCommitted", "CommitmentsDropped"),
    ):
        assert figure in shown, figure
        assert figure not in without, figure


def test_every_metric_of_ours_on_the_dashboard_is_one_that_a_process_counts(full):
    shown = dashboard(full)
    by_name = set(re.findall(r'"ImagingIngestion\\?",\\?"(\w+)', shown))
    searched = {
        name for names in re.findall(r"MetricName=\((.+?)\)", shown) for name in re.findall(r"[A-Z]\w+[a-z]", names)
    }
    ours = by_name | searched

    assert by_name
    assert "FindMilliseconds" in searched
    assert ours <= counted(), ours - counted()


def counted():
    """The names of metrics in the processes' code."""
    functions = Path(__file__).parents[2] / "functions"
    code = "\n".join(file.read_text() for file in functions.rglob("*.py"))
    swept = {f"Swept{what}" for what in ("Timers", "Changes", "Batches", "Revisions", "Publications", "Failed")}
    return {*re.findall(r'"([A-Z]\w+)"', code), *re.findall(r"\b([A-Z]\w+)=", code), *swept}


def test_the_status_is_recorded_each_minute_where_there_is_a_page_to_show_it(full, existing):
    function = full.process("record_status")["Environment"]["Variables"]
    rules = of_stack(STACK, full.properties("AWS::Events::Rule"))

    assert [rule["ScheduleExpression"] for rule in rules] == ["rate(1 minute)"]
    assert function["QUIET_SECONDS"] == environment(full)["QUIET_SECONDS"]
    assert resolved(function["QUEUES"]) == json.loads(environment(full)["QUEUES"])
    assert "RecordStatusFunction" in full.stacks[STACK]["Outputs"]
    assert "record_status" not in existing.processes
    assert not of_stack(STACK, existing.properties("AWS::Events::Rule"))


def test_whoever_is_alarmed_hears_when_the_status_grows_old(full):
    [alarm] = of_stack(STACK, full.properties("AWS::CloudWatch::Alarm"))

    assert alarm["MetricName"] == "Errors"
    assert "imaging status" in alarm["AlarmDescription"]
    assert alarm["AlarmActions"]


def test_the_status_is_read_of_these_queues_alone_and_written_to_one_row(full):
    [statements] = [
        policy["PolicyDocument"]["Statement"] for policy in of_stack(STACK, full.properties("AWS::IAM::Policy"))
    ]
    [looked_at] = [each["Resource"] for each in statements if each["Action"] == "sqs:GetQueueAttributes"]
    [written] = [each for each in statements if each["Action"] == "dynamodb:UpdateItem"]
    queues = json.loads(environment(full)["QUEUES"])
    names = [url.rpartition("/")[2] for queue in queues for url in (queue["queue_url"], queue["dead_letter_queue_url"])]

    assert {text(arn).partition(":123456789012:")[2] for arn in looked_at} == {name for name in names if name}
    assert written["Condition"] == {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["STATUS"]}}
    assert not {"PutItem", "DeleteItem", "BatchWriteItem"} & {
        action.partition(":")[2] for each in statements for action in as_list(each["Action"])
    }
