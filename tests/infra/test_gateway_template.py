"""The streaming gateway: its tasks, their network, and the distribution that leads there."""

import json
from pathlib import Path

import pytest

from infra.constructs.distribution import GATEWAY, ROUTING_RULE
from tests.infra.synthesised import as_list, flat, of_stack

ROOT = Path(__file__).parents[2]


@pytest.fixture
def distribution(full):
    [found] = full.properties("AWS::CloudFront::Distribution").values()
    return found["DistributionConfig"]


def origin(distribution, chosen):
    [found] = [each for each in distribution["Origins"] if each["Id"] == chosen]
    return found


def task(deployment):
    [found] = of_stack("ImagingGateway", deployment.properties("AWS::ECS::TaskDefinition"))
    return found


def test_a_deployment_without_it_has_no_distribution_either(existing):
    assert "ImagingGateway" not in existing.stacks
    assert not existing.of_type("AWS::CloudFront::Distribution")


def test_what_the_rule_does_not_choose_goes_to_the_api(distribution):
    api = origin(distribution, distribution["DefaultCacheBehavior"]["TargetOriginId"])

    assert ".execute-api." in flat(api["DomainName"])
    assert api["OriginPath"] == "/live"
    assert api["CustomOriginConfig"] == {"OriginProtocolPolicy": "https-only", "OriginSSLProtocols": ["TLSv1.2"]}


def test_the_rule_that_the_front_door_runs_is_what_cloudfront_is_given(full, distribution):
    [rule] = full.properties("AWS::CloudFront::Function").values()

    assert rule["FunctionCode"] == ROUTING_RULE.read_text()
    assert rule["FunctionConfig"]["Runtime"] == "cloudfront-js-2.0"
    assert len(rule["FunctionCode"].encode()) < 10 * 1024  # what CloudFront takes
    assert rule["FunctionCode"].startswith("import cf from 'cloudfront';")  # CloudFront wants it in the first line
    [association] = distribution["DefaultCacheBehavior"]["FunctionAssociations"]
    assert association["EventType"] == "viewer-request"


def test_the_origin_that_the_rule_names_is_the_gateways_internal_load_balancer(full, distribution):
    gateway = origin(distribution, GATEWAY)

    assert f"GATEWAY = '{GATEWAY}'" in ROUTING_RULE.read_text()
    assert gateway["VpcOriginConfig"]["OriginReadTimeout"] == 120
    [load_balancer] = of_stack("ImagingGateway", full.properties("AWS::ElasticLoadBalancingV2::LoadBalancer"))
    assert load_balancer["Scheme"] == "internal"
    attributes = {each["Key"]: each["Value"] for each in load_balancer["LoadBalancerAttributes"]}
    assert attributes["idle_timeout.timeout_seconds"] == "120"


def test_every_method_passes_and_nothing_is_cached_or_packed(distribution):
    [health] = [each for each in distribution["CacheBehaviors"] if each["PathPattern"] == "/health"]
    for behavior in (distribution["DefaultCacheBehavior"], health):
        assert set(behavior["AllowedMethods"]) == {"GET", "HEAD", "OPTIONS", "PUT", "PATCH", "POST", "DELETE"}
        assert behavior["CachePolicyId"] == "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"  # CachingDisabled
        assert behavior["OriginRequestPolicyId"] == "b689b0a8-53d0-40ab-baf2-68738e2966ac"  # AllViewerExceptHostHeader
        assert behavior["Compress"] is False
        assert behavior["ViewerProtocolPolicy"] == "https-only"


def test_viewers_speak_tls_1_2_at_least(distribution):
    assert distribution["ViewerCertificate"]["MinimumProtocolVersion"] == "TLSv1.2_2021"
    assert distribution["Aliases"] == ["dicomweb.example.org"]


def test_a_task_keeps_bodies_on_its_spool_and_nothing_elsewhere(full):
    gateway = task(full)
    [container] = gateway["ContainerDefinitions"]

    assert gateway["EphemeralStorage"] == {"SizeInGiB": 50}
    assert container["ReadonlyRootFilesystem"] is True
    assert container["StopTimeout"] == 120
    [mount] = container["MountPoints"]
    assert (mount["ContainerPath"], mount["ReadOnly"]) == ("/tmp", False)
    assert gateway["RuntimePlatform"]["CpuArchitecture"] == "ARM64"


def test_a_task_knows_what_its_process_reads(full):
    [container] = task(full)["ContainerDefinitions"]
    variables = {entry["Name"]: entry["Value"] for entry in container["Environment"]}

    assert {"SPACES", "MANIFEST_TABLE", "GATEWAY_PORT", "GATEWAY_BIND_ADDRESS"} <= variables.keys()
    assert variables["PUBLIC_BASE_ADDRESS"] == "https://dicomweb.example.org"
    assert variables["AWS_SDK_UA_APP_ID"] == "imaging-gateway"
    assert json.loads(variables["QUERY_TAGS"]) == [{"tag": "ImageComments", "level": "series"}]
    assert json.loads(variables["CORS_ORIGINS"]) == ["https://viewer.example.org"]


def test_the_processes_that_work_on_pixels_leave_half_of_a_task_to_what_streams(full):
    gateway = task(full)
    [container] = gateway["ContainerDefinitions"]
    variables = {entry["Name"]: entry["Value"] for entry in container["Environment"]}
    workers, mib = int(variables["PIXEL_WORKERS"]), int(variables["PIXEL_WORKER_MIB"])

    assert workers == int(gateway["Cpu"]) // 1024
    assert workers * mib <= int(gateway["Memory"]) // 2


def test_tasks_follow_the_load_within_bounds(full):
    [target] = of_stack("ImagingGateway", full.properties("AWS::ApplicationAutoScaling::ScalableTarget"))
    [service] = of_stack("ImagingGateway", full.properties("AWS::ECS::Service"))

    assert (target["MinCapacity"], target["MaxCapacity"]) == (2, 4)
    assert "DesiredCount" not in service  # a deployment would otherwise undo what the load asked for
    assert service["DeploymentConfiguration"]["DeploymentCircuitBreaker"] == {"Enable": True, "Rollback": True}


def test_what_is_being_sent_may_end_before_a_task_does(full):
    [target_group] = of_stack("ImagingGateway", full.properties("AWS::ElasticLoadBalancingV2::TargetGroup"))
    attributes = {each["Key"]: each["Value"] for each in target_group["TargetGroupAttributes"]}

    assert attributes["deregistration_delay.timeout_seconds"] == "120"
    assert target_group["HealthCheckPath"] == "/health"


def test_no_route_leads_out_of_the_tasks_network(full):
    assert not of_stack("ImagingGateway", full.properties("AWS::EC2::Route"))
    endpoints = of_stack("ImagingGateway", full.properties("AWS::EC2::VPCEndpoint"))
    services = sorted(flat(each["ServiceName"]).rpartition(".")[2] for each in endpoints)
    assert services == ["api", "dkr", "dynamodb", "logs", "s3"]


def test_it_may_write_and_read_instances_and_read_rows(full):
    granted = {
        action
        for name, statement in full.statements()
        if name.startswith("ImagingGateway/GatewayTaskTaskRole")
        for action in as_list(statement["Action"])
    }

    assert granted == {
        *("s3:PutObject", "s3:AbortMultipartUpload", "s3:GetObject", "s3:GetObjectVersion", "s3:ListBucket"),
        *("dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query", "kms:Decrypt", "kms:GenerateDataKey"),
    }


@pytest.mark.parametrize("process", ["gateway", "dimse"])
def test_an_image_has_what_the_local_run_has(process):
    dockerfile = (ROOT / "functions" / process / "Dockerfile").read_text()

    assert "-c layers/dependencies/constraints.txt" in dockerfile
    assert "-r layers/dependencies/pixels.txt" in dockerfile
    assert f'ENTRYPOINT ["python", "-m", "functions.{process}"]' in dockerfile
