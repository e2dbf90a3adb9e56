"""The DIMSE endpoint: its tasks, their network, and the load balancer in front of them."""

import json

import pytest

from imaging.dimse.policy import REJECTIONS as REJECTIONS_OF_THE_ENDPOINT
from infra.constructs.dimse_alarms import FULL, REJECTIONS
from tests.infra.dimse import CERTIFICATE, CLIENT_CA, KEY
from tests.infra.synthesised import as_list, flat, of_stack

STACK = "ImagingDimse"


def container(deployment):
    [task] = of_stack(STACK, deployment.properties("AWS::ECS::TaskDefinition"))
    [found] = task["ContainerDefinitions"]
    return found


def variables(deployment):
    return {pair["Name"]: pair["Value"] for pair in container(deployment)["Environment"]}


def groups(deployment):
    return {
        name.partition("/")[2]: group
        for name, group in deployment.properties("AWS::EC2::SecurityGroup").items()
        if name.startswith(STACK)
    }


def target_groups(deployment):
    return of_stack(STACK, deployment.properties("AWS::ElasticLoadBalancingV2::TargetGroup"))


def granted(deployment):
    return [
        (action, flat(resource), statement.get("Condition"))
        for name, statement in deployment.statements()
        if name.startswith(f"{STACK}/DimseTaskTaskRole")
        for action in as_list(statement["Action"])
        for resource in as_list(statement["Resource"])
    ]


def offered(deployment):
    """Who may connect to which port of the load balancer."""
    [door] = [group for name, group in groups(deployment).items() if "Door" in name]
    return [(rule["CidrIp"], rule["FromPort"], rule["ToPort"]) for rule in door["SecurityGroupIngress"]]


def test_the_configured_networks_alone_may_connect_and_from_the_internet_by_tls_alone(full, deployed):
    assert offered(full) == [("192.0.2.0/24", 2762, 2762)]
    assert offered(deployed) == [("10.0.0.0/8", 11112, 11112)]
    listeners = of_stack(STACK, full.properties("AWS::ElasticLoadBalancingV2::Listener"))
    assert [(listener["Port"], listener["Protocol"]) for listener in listeners] == [(2762, "TCP")]


@pytest.fixture(scope="module")
def inside(synthesise):
    """Within a hospital, with TLS and many peers."""
    peers = [{"ae_title": f"AE{n}", "host": f"10.1.{n}.1", "port": 104} for n in range(120)]
    tls = {"certificate_secret_arn": CERTIFICATE, "port": 400}
    return synthesise("inside", {"dimse": {"peer_cidrs": ["10.0.0.0/8"], "port": 104, "peers": peers, "tls": tls}})


def test_within_a_hospital_both_ports_are_offered_and_both_checked_by_the_one_without_tls(inside):
    assert {port for _, port, _ in offered(inside)} == {104, 400}
    assert {each["Port"] for each in of_stack(STACK, inside.properties("AWS::ElasticLoadBalancingV2::Listener"))} == {
        *(104, 400),
    }
    assert {group["Port"] for group in target_groups(inside)} == {11112, 2762}
    assert {group["HealthCheckPort"] for group in target_groups(inside)} == {"11112"}
    [service] = of_stack(STACK, inside.properties("AWS::ECS::Service"))
    assert {each["ContainerPort"] for each in service["LoadBalancers"]} == {11112, 2762}
    told = variables(inside)
    assert (told["DIMSE_PORT"], told["DIMSE_TLS_PORT"]) == ("11112", "2762")  # uid 10001 may take no port below 1024
    assert "DIMSE_TLS_CLIENT_CA_SECRET_ARN" not in told


def test_the_tasks_see_who_calls_and_go_on_with_what_they_have_when_they_are_to_stop(full):
    [target_group] = target_groups(full)
    attributes = {each["Key"]: each["Value"] for each in target_group["TargetGroupAttributes"]}

    assert attributes["preserve_client_ip.enabled"] == "true"
    assert int(attributes["deregistration_delay.timeout_seconds"]) == 600
    assert (target_group["HealthCheckProtocol"], target_group["HealthCheckPort"]) == ("TCP", "11112")


def test_the_tasks_let_the_load_balancer_in_whoever_it_speaks_for(full):
    rules = of_stack(STACK, full.properties("AWS::EC2::SecurityGroupIngress"))
    from_the_door = [rule for rule in rules if "Door" in flat(rule["SourceSecurityGroupId"])]

    assert {rule["FromPort"] for rule in from_the_door} == {11112, 2762}
    assert not any("CidrIp" in rule for rule in rules)


def test_the_tasks_keep_nothing_and_have_no_public_address(full, existing):
    for deployment in (full, existing):
        [service] = of_stack(STACK, deployment.properties("AWS::ECS::Service"))
        assert container(deployment)["ReadonlyRootFilesystem"] is True
        assert container(deployment)["StopTimeout"] == 120
        assert service["NetworkConfiguration"]["AwsvpcConfiguration"]["AssignPublicIp"] == "DISABLED"


def test_the_load_balancer_is_public_only_if_asked(full, deployed):
    [public] = of_stack(STACK, full.properties("AWS::ElasticLoadBalancingV2::LoadBalancer"))
    [private] = of_stack(STACK, deployed.properties("AWS::ElasticLoadBalancingV2::LoadBalancer"))

    assert public["Scheme"] == "internet-facing"
    assert private["Scheme"] == "internal"


def test_a_task_knows_what_its_process_reads(full, deployed):
    told, told_by_default = variables(full), variables(deployed)

    assert {"SPACES", "MANIFEST_TABLE", "FINALIZE_QUEUE_URL"} <= told.keys()
    assert json.loads(told["QUERY_TAGS"]) == [{"tag": "ImageComments", "level": "series"}]
    assert [peer["ae_title"] for peer in json.loads(told["DIMSE_PEERS"])] == ["CT 1", "PACS", "VIEWER"]
    assert {name: value for name, value in told.items() if name.startswith("DIMSE_TLS")} == {
        "DIMSE_TLS_PORT": "2762",
        "DIMSE_TLS_CERTIFICATE_SECRET_ARN": CERTIFICATE,
        "DIMSE_TLS_CLIENT_CA_SECRET_ARN": CLIENT_CA,
    }
    assert int(told["DIMSE_STOP_SECONDS"]) < container(full)["StopTimeout"]
    assert not any(name.startswith("DIMSE_TLS") for name in told_by_default)
    assert told_by_default["DIMSE_CALLERS"] == "registered"
    assert told_by_default["DIMSE_UNKNOWN_SOP_CLASSES"] == "accept"
    assert told_by_default["DIMSE_WORKERS"] == "2"


def test_whoever_sends_hears_within_half_a_minute_that_aws_hangs(deployed):
    told = variables(deployed)
    attempts = int(told["AWS_MAX_ATTEMPTS"])
    pauses = sum(2**number for number in range(attempts - 1))  # at most: botocore's standard mode draws up to that

    # And a second each in which boto3 waits for 100 Continue.
    assert attempts * (float(told["AWS_READ_TIMEOUT_SECONDS"]) + 1) + pauses < 25


def test_a_data_set_may_take_half_of_the_disk_that_a_task_has(full, deployed):
    [task] = of_stack(STACK, full.properties("AWS::ECS::TaskDefinition"))
    [by_default] = of_stack(STACK, deployed.properties("AWS::ECS::TaskDefinition"))

    assert task["EphemeralStorage"] == {"SizeInGiB": 50}
    assert int(variables(full)["DIMSE_MAX_OBJECT_BYTES"]) == 25 * 1024**3
    assert "EphemeralStorage" not in by_default  # the 20 GiB that cost nothing


def test_more_tasks_run_when_those_that_do_are_full_of_associations(full):
    [target] = of_stack(STACK, full.properties("AWS::ApplicationAutoScaling::ScalableTarget"))
    [policy] = of_stack(STACK, full.properties("AWS::ApplicationAutoScaling::ScalingPolicy"))
    [service] = of_stack(STACK, full.properties("AWS::ECS::Service"))
    tracked = policy["TargetTrackingScalingPolicyConfiguration"]

    assert (target["MinCapacity"], target["MaxCapacity"]) == (2, 4)
    assert "DesiredCount" not in service  # a deployment would otherwise undo what the load asked for
    assert tracked["TargetValue"] == 0.7 * int(variables(full)["DIMSE_MAX_ASSOCIATIONS"])
    assert tracked["CustomizedMetricSpecification"] == {
        "Namespace": "ImagingIngestion",
        "MetricName": "AssociationsInFlight",
        "Dimensions": [{"Name": "service", "Value": "dimse"}],
        "Statistic": "Average",
    }


def test_the_tasks_reach_the_peers_that_listen_by_their_own_port_and_nothing_else(full, deployed):
    [nodes] = [group for name, group in groups(full).items() if "Nodes" in name]
    [service] = of_stack(STACK, full.properties("AWS::ECS::Service"))

    # A security group knows no names: one opens its port to all.
    assert [(rule["CidrIp"], rule["FromPort"]) for rule in nodes["SecurityGroupEgress"]] == [
        ("192.0.2.7/32", 11112),
        ("0.0.0.0/0", 104),
    ]
    assert len(service["NetworkConfiguration"]["AwsvpcConfiguration"]["SecurityGroups"]) == 2
    assert not any("Nodes" in name for name in groups(deployed))


def test_more_peers_than_one_group_has_rules_for_are_reached_by_several(inside):
    rules = [len(group["SecurityGroupEgress"]) for name, group in groups(inside).items() if "Nodes" in name]
    assert (max(rules), sum(rules)) == (50, 120)


def test_ways_to_the_manifest_are_free_and_one_to_the_secrets_is_paid_for_with_tls_alone(full, deployed):
    def services(deployment):
        points = of_stack(STACK, deployment.properties("AWS::EC2::VPCEndpoint"))
        return sorted(flat(each["ServiceName"]).rpartition(".")[2] for each in points)

    assert services(deployed) == ["api", "dkr", "dynamodb", "logs", "s3"]
    assert services(full) == ["api", "dkr", "dynamodb", "logs", "s3", "secretsmanager", "sqs"]


def test_an_existing_network_gets_no_second_one(existing):
    assert not existing.of_type("AWS::EC2::VPC")
    assert not existing.of_type("AWS::EC2::VPCEndpoint")


def test_it_may_store_search_read_and_keep_requests_for_commitment_and_nothing_else(deployed):
    actions = {action for action, _, _ in granted(deployed)}
    written = {"dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem"}

    assert actions == {
        *("s3:PutObject", "s3:AbortMultipartUpload", "s3:GetObject", "s3:GetObjectVersion", "s3:ListBucket"),
        *("dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query", "kms:Decrypt", "kms:GenerateDataKey"),
        *written,
    }
    conditions = [condition for action, _, condition in granted(deployed) if action in written]
    assert conditions == [{"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["COMMITMENT#*"]}}] * len(written)
    indexes = {resource.rpartition("/index/")[2] for _, resource, _ in granted(deployed) if "/index/" in resource}
    assert indexes == {"by_date", "by_patient", "by_accession", "by_modality", "by_name", "by_uid", "pending"}


def test_it_reads_the_secrets_of_tls_with_the_key_that_they_are_encrypted_with(full):
    read = {resource for action, resource, _ in granted(full) if action == "secretsmanager:GetSecretValue"}

    assert read == {CERTIFICATE, CLIENT_CA}
    assert ("kms:Decrypt", KEY, None) in granted(full)


def test_whoever_deploys_it_for_nobody_is_told_so_at_synth(deployed, full, local):
    def told(deployment):
        metadata = "".join(path.read_text() for path in deployment.folder.glob("*.metadata.json"))
        return "Nobody may open an association" in metadata

    assert told(deployed)
    assert not told(full)
    assert not told(local)  # whoever calls is served there


def test_there_is_an_alarm_for_whoever_is_turned_away_and_what_is_refused_or_dropped(full):
    alarms = of_stack(STACK, full.properties("AWS::CloudWatch::Alarm"))
    watched = {
        (alarm["MetricName"], *(pair["Value"] for pair in alarm["Dimensions"] if pair["Name"] != "service"))
        for alarm in alarms
    }

    assert {("InstancesRefused", "main"), ("CommitmentsDropped", "research"), ("WorkersDied",)} <= watched
    assert ("AssociationsRejected", FULL) in watched
    for alarm in alarms:
        assert alarm["AlarmActions"]
        assert {"Name": "service", "Value": "dimse"} in alarm["Dimensions"]


def test_the_reasons_that_alarms_watch_are_those_that_the_endpoint_counts():
    counted = {rejection.because for rejection in REJECTIONS_OF_THE_ENDPOINT}

    # What is left ends by itself, or is a fault of the caller's software.
    assert counted - {"stopping", "application context not supported"} == {*REJECTIONS, FULL}
