"""Bindings: a way of its own for each, and what subscribers are told of the events."""

import json
import re

import jsonschema
import pytest

from infra.binding_config import MOST
from infra.constructs.event_schemas import SCHEMAS, whole_event
from tests.infra.bindings import BINDINGS, KEY
from tests.infra.synthesised import as_list, flat, of_stack

STACK = "ImagingDistribution"
NAMES = [binding["name"] for binding in BINDINGS]
"""Of the deployment `full`."""


def named(deployment, name):
    """The queue of this name, its logical id and its properties."""
    [(path, queue)] = [
        (path, queue)
        for path, queue in deployment.properties("AWS::SQS::Queue").items()
        if queue.get("QueueName") == name
    ]
    return path.split("/")[1], queue


def actions_of(deployment, process):
    """Every action that the role of a process is granted, with its resources."""
    role = deployment.process(process)["Role"]["Fn::GetAtt"][0]
    return {
        (action, resource)
        for policy in deployment.properties("AWS::IAM::Policy").values()
        if policy["Roles"] == [{"Ref": role}]
        for statement in policy["PolicyDocument"]["Statement"]
        for action in as_list(statement["Action"])
        for resource in map(flat, as_list(statement["Resource"]))
    }


def reached(deployment, process, action):
    return sorted(resource for granted, resource in actions_of(deployment, process) if granted == action)


def test_nothing_but_the_schemas_where_there_is_no_binding(existing):
    types = {resource["Type"] for resource in existing.stacks[STACK]["Resources"].values()}

    assert types == {"AWS::EventSchemas::Registry", "AWS::EventSchemas::Schema", "AWS::CDK::Metadata"} - (
        {"AWS::CDK::Metadata"} - types
    )


@pytest.mark.parametrize("binding", NAMES)
def test_a_binding_has_a_rule_and_a_queue_with_dead_letters_of_its_own(full, binding):
    queue_id, queue = named(full, f"imaging-deliver-{binding}")
    dead_letters_id, _ = named(full, f"imaging-deliver-{binding}-dead-letters")
    rules = [
        rule
        for rule in of_stack(STACK, full.properties("AWS::Events::Rule"))
        if rule["Targets"][0]["Arn"] == {"Fn::GetAtt": [queue_id, "Arn"]}
    ]

    assert queue["RedrivePolicy"]["deadLetterTargetArn"] == {"Fn::GetAtt": [dead_letters_id, "Arn"]}
    assert queue["RedrivePolicy"]["maxReceiveCount"] == 100
    assert len(rules) == 1
    assert rules[0]["Targets"][0]["DeadLetterConfig"]["Arn"] == {"Fn::GetAtt": [dead_letters_id, "Arn"]}


def test_a_rule_lets_through_what_the_binding_is_about(full):
    patterns = {
        json.dumps(rule["EventPattern"], sort_keys=True)
        for rule in of_stack(STACK, full.properties("AWS::Events::Rule"))
    }

    def pattern(spaces, *detail_types):
        wanted = {"source": ["imaging"], "detail-type": list(detail_types), "detail": {"space": spaces}}
        return json.dumps(wanted, sort_keys=True)

    assert pattern(["main"], "Instance Stored", "Instance Deleted") in patterns
    assert pattern(["main", "research"], "Study Revised", "Study Deleted") in patterns


def test_each_is_worked_off_by_a_process_of_its_own_as_much_at_a_time_as_configured(full):
    mappings = of_stack(STACK, full.properties("AWS::Lambda::EventSourceMapping"))

    assert len(mappings) == len(NAMES) - 2  # without those to DIMSE nodes
    queue_id, queue = named(full, "imaging-deliver-to-hook")
    [hook] = [mapping for mapping in mappings if mapping["EventSourceArn"] == {"Fn::GetAtt": [queue_id, "Arn"]}]
    assert hook["ScalingConfig"] == {"MaximumConcurrency": 7}
    assert queue["VisibilityTimeout"] >= full.process("deliver-to-hook")["Timeout"]


def test_a_process_is_told_its_binding_and_nothing_of_the_others(full):
    variables = full.process("deliver-to-research")["Environment"]["Variables"]

    assert json.loads(variables["BINDING"])["target"] == {"space": "research"}
    assert variables.keys() >= {"QUEUE_URL", "DEAD_LETTER_QUEUE_URL", "SPACES", "MANIFEST_TABLE", "PUBLIC_BASE_ADDRESS"}
    assert len("".join(flat(value) + name for name, value in variables.items())) < 4096


def test_a_process_reaches_its_own_target_alone(full):
    assert reached(full, "deliver-to-queue", "sqs:SendMessage")[0] == "arn:aws:sqs:us-east-1:123456789012:theirs"
    assert reached(full, "deliver-to-bus", "events:PutEvents") == [
        "arn:aws:events:us-east-1:999999999999:event-bus/theirs"
    ]
    assert reached(full, "deliver-to-hook", "secretsmanager:GetSecretValue") == [
        "arn:aws:secretsmanager:us-east-1:123456789012:secret:hook-AbCdEf"
    ]
    assert reached(full, "deliver-to-peer", "execute-api:Invoke") == ["arn:aws:execute-api:eu-west-1:*:abc123/*/POST/*"]
    assert reached(full, "deliver-to-cloud", "medical-imaging:StoreDICOM")[0].endswith(":datastore/0123456789abcdef")
    for process in ("deliver-to-queue", "deliver-to-bus", "deliver-to-hook", "deliver-to-research"):
        assert not reached(full, process, "execute-api:Invoke")


def test_a_key_of_theirs_is_used_as_far_as_a_queue_or_a_secret_needs_it(full):
    def used(binding):
        return {action for action, resource in actions_of(full, f"deliver-{binding}") if resource == KEY}

    assert used("to-queue") == {"kms:Decrypt", "kms:GenerateDataKey"}
    assert used("to-hook") == {"kms:Decrypt"}
    assert not used("to-bus")


def test_a_copy_reads_the_spaces_it_is_about_and_writes_the_one_it_leads_to(full):
    read = reached(full, "deliver-to-research", "s3:GetObjectVersion")
    [written] = reached(full, "deliver-to-research", "s3:PutObject")

    assert len(read) == 2  # of the space it leads to too, to compare
    assert "Research" in written
    assert written.endswith("/studies/*/series/*/instances/*.dcm")
    assert not reached(full, "deliver-to-queue", "s3:GetObjectVersion")


def test_dimse_nodes_are_reached_from_the_network_of_the_endpoint_by_their_own_port(full):
    [task] = of_stack(STACK, full.properties("AWS::ECS::TaskDefinition"))
    [container] = task["ContainerDefinitions"]
    [service] = of_stack(STACK, full.properties("AWS::ECS::Service"))
    [nodes] = of_stack(STACK, full.properties("AWS::EC2::SecurityGroup"))
    variables = {pair["Name"]: pair["Value"] for pair in container["Environment"]}

    assert "PortMappings" not in container
    assert '\\"name\\":\\"to-pacs\\"' in json.dumps(variables["BINDINGS"])
    assert len(service["NetworkConfiguration"]["AwsvpcConfiguration"]["SecurityGroups"]) == 2
    assert [(rule["CidrIp"], rule["FromPort"]) for rule in nodes["SecurityGroupEgress"]] == [
        ("192.0.2.7/32", 11112),
        ("192.0.2.8/32", 11112),
    ]
    assert any("sqs" in flat(endpoint["ServiceName"]) for endpoint in endpoints(full))
    assert any(".dynamodb" in flat(endpoint["ServiceName"]) for endpoint in endpoints(full))


def test_what_delivers_to_several_nodes_may_work_off_the_queue_of_each(full):
    queues = {arn_of(named(full, f"imaging-deliver-{binding}")[0]) for binding in ("to-pacs", "to-viewer")}
    granted = [
        (action, flat(resource))
        for policy in of_stack(STACK, full.properties("AWS::IAM::Policy"))
        for statement in policy["PolicyDocument"]["Statement"]
        for action in as_list(statement["Action"])
        for resource in as_list(statement["Resource"])
        if policy["PolicyName"].startswith("DimseDeliveriesTaskTaskRole")
    ]

    assert queues <= {resource for action, resource in granted if action == "sqs:ReceiveMessage"}
    assert queues <= {resource for action, resource in granted if action == "sqs:ChangeMessageVisibility"}


def arn_of(logical_id):
    return flat({"Fn::GetAtt": [logical_id, "Arn"]})


def test_as_many_bindings_as_there_may_be_fit_into_one_stack(full):
    resources = full.stacks[STACK]["Resources"]
    of_each = [sum(name.replace("-", "") in resource for resource in resources) for name in NAMES]
    of_all = len(resources) - sum(of_each)

    assert min(of_each) > 4
    assert MOST * max(of_each) + of_all <= 500  # CloudFormation's quota


def test_the_endpoints_network_pays_for_no_way_to_queues_that_nobody_goes(deployed):
    assert not any("sqs" in flat(endpoint["ServiceName"]) for endpoint in endpoints(deployed))


def endpoints(deployment):
    return of_stack("ImagingDimse", deployment.properties("AWS::EC2::VPCEndpoint"))


def test_every_event_has_its_schema_in_the_registry(full):
    schemas = full.properties("AWS::EventSchemas::Schema").values()

    assert {schema["SchemaName"] for schema in schemas} == {
        *("imaging@InstanceStored", "imaging@InstanceDeleted", "imaging@StudyRevised", "imaging@StudyDeleted")
    }
    for schema in schemas:
        assert schema["Type"] == "JSONSchemaDraft4"
        jsonschema.Draft4Validator.check_schema(json.loads(schema["Content"]))


def test_a_schema_of_the_registry_takes_the_event_and_refuses_another():
    schema = whole_event(json.loads((SCHEMAS / "instance_deleted.json").read_text()))
    detail = {"version": 1, "space": "main", "study": "1.2", "series": "1.3", "instance": "1.4", "change_number": 2}
    event = {
        **{"version": "0", "id": "7bf73129", "detail-type": "Instance Deleted", "source": "imaging"},
        **{"account": "123456789012", "time": "2026-11-22T07:00:00Z", "region": "us-east-1", "resources": []},
        "detail": {**detail, "href": "https://imaging.example.org/spaces/main/studies/1.2/series/1.3/instances/1.4"},
    }
    validator = jsonschema.Draft4Validator(schema)

    validator.validate(event)
    for wrong in ({"source": "aws.s3"}, {"detail-type": "Instance Stored"}, {"detail": detail}):
        assert not validator.is_valid({**event, **wrong})
    assert not validator.is_valid({**event, "detail": {**event["detail"], "version": 2}})


def test_the_last_binding_can_go_since_what_it_imports_stays_exported(full, deployed):
    """A stack that others build on is updated first, and cannot drop what they import until they are."""
    by_bindings_alone = imports(full, STACK) - imports(full, "ImagingPipeline")
    exported = {
        output["Export"]["Name"]
        for template in deployed.stacks.values()
        for output in template.get("Outputs", {}).values()
        if "Export" in output
    }

    assert by_bindings_alone
    assert by_bindings_alone <= exported


def imports(deployment, stack):
    return set(re.findall(r'"Fn::ImportValue": "([^"]+)"', json.dumps(deployment.stacks[stack])))
