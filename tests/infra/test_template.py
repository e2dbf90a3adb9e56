"""What the deployed templates promise, resource by resource."""

import json
import re
from datetime import timedelta

import pytest

from infra.constructs.grants import IMPLIED
from infra.constructs.statements import WILDCARDS
from tests.infra.synthesised import as_list, flat

NAMES_NO_RESOURCE = {
    *("xray:PutTraceSegments", "xray:PutTelemetryRecords", "xray:GetSamplingRules", "xray:GetSamplingTargets"),
    *("logs:CreateLogDelivery", "logs:GetLogDelivery", "logs:UpdateLogDelivery", "logs:DeleteLogDelivery"),
    *("logs:ListLogDeliveries", "logs:PutResourcePolicy", "logs:DescribeResourcePolicies", "logs:DescribeLogGroups"),
    "dynamodb:ListStreams",
    "ecr:GetAuthorizationToken",
}
"""Actions that IAM grants on all resources or not at all."""

STATEFUL = (
    "AWS::S3::Bucket",
    "AWS::S3::BucketPolicy",
    "AWS::DynamoDB::GlobalTable",
    "AWS::KMS::Key",
    "AWS::Logs::LogGroup",
    "AWS::HealthLake::FHIRDatastore",
)


@pytest.mark.parametrize("resource_type", STATEFUL)
def test_data_outlives_its_stack(full, resource_type):
    resources = full.of_type(resource_type)

    assert resources
    for name, resource in resources.items():
        assert resource["DeletionPolicy"] == "Retain", name
        assert resource["UpdateReplacePolicy"] == "Retain", name


def test_the_stack_of_the_data_cannot_be_deleted_by_mistake(full):
    assert full.manifest["artifacts"]["ImagingData"]["properties"]["terminationProtection"] is True
    [table] = full.properties("AWS::DynamoDB::GlobalTable").values()
    assert table["Replicas"][0]["DeletionProtectionEnabled"] is True


def test_synthesis_looks_nothing_up(full, existing):
    assert "missing" not in full.manifest
    assert "missing" not in existing.manifest


def test_buckets_are_private_and_versioned_and_log_access(full):
    buckets = full.properties("AWS::S3::Bucket")

    assert len(buckets) == 3
    for name, bucket in buckets.items():
        assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}, name
        assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}, name
        [ownership] = bucket["OwnershipControls"]["Rules"]
        assert ownership == {"ObjectOwnership": "BucketOwnerEnforced"}, name
        assert "LoggingConfiguration" in bucket or "AccessLogs" in name


def test_spaces_are_encrypted_with_the_customer_key(full):
    spaces = {name: bucket for name, bucket in full.properties("AWS::S3::Bucket").items() if "AccessLogs" not in name}

    for name, bucket in spaces.items():
        [rule] = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        assert rule["BucketKeyEnabled"] is True, name
        assert rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms", name
        assert "Fn::GetAtt" in rule["ServerSideEncryptionByDefault"]["KMSMasterKeyID"], name
    [key] = full.properties("AWS::KMS::Key").values()
    assert key["EnableKeyRotation"] is True


def test_what_is_no_longer_needed_expires(full):
    for name, bucket in full.properties("AWS::S3::Bucket").items():
        rules = {rule["Id"]: rule for rule in bucket["LifecycleConfiguration"]["Rules"]}
        if "AccessLogs" in name:
            assert rules["retention"]["ExpirationInDays"] == 90
        else:
            assert rules["incomplete-uploads"]["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 7}
            assert rules["dropped"]["Prefix"] == "incoming/"
            assert not any("Expiration" in key for key in rules["incomplete-uploads"])


@pytest.mark.parametrize("resource_type", ["AWS::S3::BucketPolicy", "AWS::SQS::QueuePolicy"])
def test_buckets_and_queues_refuse_what_is_not_tls(full, resource_type):
    targets = full.of_type(resource_type.removesuffix("Policy"))
    policies = full.properties(resource_type)

    assert len(policies) == len(targets)
    for name, policy in policies.items():
        assert any(
            statement["Effect"] == "Deny"
            and statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
            and statement["Principal"] == {"AWS": "*"}
            for statement in policy["PolicyDocument"]["Statement"]
        ), name


def test_instances_and_drops_reach_the_queues_of_their_own_stage(full):
    spaces = [bucket for name, bucket in full.properties("AWS::S3::Bucket").items() if "AccessLogs" not in name]

    assert len(spaces) == 2
    for bucket in spaces:
        heard = {
            (
                notification["Event"],
                *(rule["Value"] for rule in notification["Filter"]["S3Key"]["Rules"]),
                re.match(r"[A-Z][a-z]+[A-Z][a-z]+", notification["Queue"]["Fn::GetAtt"][0]).group(),
            )
            for notification in bucket["NotificationConfiguration"]["QueueConfigurations"]
        }
        assert heard == {
            ("s3:ObjectCreated:*", "studies/", ".dcm", "IndexInstance"),
            ("s3:ObjectRemoved:*", "studies/", ".dcm", "IndexInstance"),
            ("s3:ObjectCreated:*", "incoming/", "StoreDrop"),
        }


def test_the_manifest_can_be_restored_to_any_moment_and_is_encrypted(full):
    [table] = full.properties("AWS::DynamoDB::GlobalTable").values()
    [replica] = table["Replicas"]

    assert replica["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert table["SSESpecification"] == {"SSEEnabled": True, "SSEType": "KMS"}
    assert "KMSMasterKeyId" in replica["SSESpecification"]
    assert table["StreamSpecification"] == {"StreamViewType": "NEW_AND_OLD_IMAGES"}
    assert table["BillingMode"] == "PAY_PER_REQUEST"


def test_the_manifest_has_the_indexes_that_search_and_sweep_read(full):
    [table] = full.properties("AWS::DynamoDB::GlobalTable").values()

    assert {
        index["IndexName"]: [(key["KeyType"], key["AttributeName"]) for key in index["KeySchema"]]
        for index in table["GlobalSecondaryIndexes"]
    } == {
        "by_date": [("HASH", "space"), ("RANGE", "listed_date"), ("RANGE", "study_instance_uid")],
        "by_patient": [
            ("HASH", "space"),
            ("HASH", "patient_id"),
            ("RANGE", "listed_date"),
            ("RANGE", "study_instance_uid"),
        ],
        "by_accession": [
            ("HASH", "space"),
            ("HASH", "accession_number"),
            ("RANGE", "listed_date"),
            ("RANGE", "study_instance_uid"),
        ],
        "by_uid": [("HASH", "space"), ("HASH", "uid"), ("RANGE", "sk")],
        "pending": [("HASH", "pending"), ("RANGE", "pending_since"), ("RANGE", "sk")],
    }


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

    assert len(ends) == 4  # of index_instance, store_drop, finalize_study, publish_study
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
    functions = full.properties("AWS::Lambda::Function")

    assert len({json.dumps(function["Role"]) for function in functions.values()}) == len(functions) == 8
    assert len({json.dumps(function["LoggingConfig"]) for function in functions.values()}) == len(functions)
    for name, function in functions.items():
        assert function["TracingConfig"] == {"Mode": "Active"}, name
        assert function["Architectures"] == ["arm64"], name
        assert len(function["Layers"]) == 2, name
        assert function["Environment"]["Variables"]["POWERTOOLS_TRACER_CAPTURE_RESPONSE"] == "false", name


def test_logs_are_encrypted_with_the_customer_key_and_kept_for_as_long_as_configured(full):
    for name, group in full.properties("AWS::Logs::LogGroup").items():
        assert group["RetentionInDays"] == 90, name
        assert "Fn::ImportValue" in group["KmsKeyId"], name


def test_no_policy_has_a_wildcard_of_actions(full, existing):
    for deployment in (full, existing):
        for name, statement in deployment.statements():
            assert not any("*" in action for action in as_list(statement["Action"])), name


def test_every_resource_with_a_wildcard_has_its_reason(full, existing):
    for deployment in (full, existing):
        for name, statement in deployment.statements():
            for resource in map(flat, as_list(statement["Resource"])):
                if resource == "*":
                    assert set(as_list(statement["Action"])) <= NAMES_NO_RESOURCE, name
                elif "*" in resource:
                    assert resource.endswith(tuple(WILDCARDS)), (name, resource)


def test_what_is_granted_without_a_call_by_that_name_is_explained(full):
    granted = {action for _, statement in full.statements() for action in as_list(statement["Action"])}

    assert IMPLIED.keys() <= granted


def test_a_worker_has_time_before_its_message_comes_back(full):
    """Six times the function's timeout, as Lambda's guide on SQS asks."""
    for name in ("IndexInstance", "StoreDrop", "FinalizeStudy", "PublishStudy"):
        [visibility] = {
            queue["VisibilityTimeout"]
            for queue_name, queue in full.properties("AWS::SQS::Queue").items()
            if re.search(rf"/{name}Queue", queue_name)
        }
        process = re.sub("(?<!^)(?=[A-Z])", "_", name).lower()
        assert visibility >= 6 * full.process(process)["Timeout"], name


def test_a_batch_fails_record_by_record(full):
    mappings = full.properties("AWS::Lambda::EventSourceMapping")

    assert len(mappings) == 5
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


def test_callers_of_the_api_are_authorised_by_iam(full):
    methods = full.properties("AWS::ApiGateway::Method")

    assert sorted(method["HttpMethod"] for method in methods.values()) == ["GET", "GET", "HEAD", "HEAD", "POST"]
    assert {method["AuthorizationType"] for method in methods.values()} == {"AWS_IAM"}


def test_the_api_is_traced_throttled_and_logs_no_query(full):
    [stage] = full.properties("AWS::ApiGateway::Stage").values()
    [every_method] = stage["MethodSettings"]
    logged = stage["AccessLogSetting"]["Format"]

    assert stage["TracingEnabled"] is True
    assert every_method["ThrottlingRateLimit"] > 0
    assert every_method.get("LoggingLevel", "OFF") == "OFF"
    assert not every_method.get("DataTraceEnabled")
    assert "$context.path" in logged
    assert "querystring" not in logged.lower()


def test_addresses_start_with_the_domain_where_there_is_one(full, existing):
    assert full.process("search_retrieve")["Environment"]["Variables"]["PUBLIC_BASE_ADDRESS"] == (
        "https://imaging.example.org"
    )
    [domain] = full.properties("AWS::ApiGateway::DomainName").values()
    assert domain["SecurityPolicy"] == "TLS_1_2"
    of_the_api = flat(existing.process("search_retrieve")["Environment"]["Variables"]["PUBLIC_BASE_ADDRESS"])
    assert re.fullmatch(r'https://\{"Ref": ".+"\}\.execute-api\.us-east-1\..+/live', of_the_api)


def test_the_study_timer_is_logged_without_its_data_and_traced(full):
    [timer] = full.properties("AWS::StepFunctions::StateMachine").values()

    assert timer["StateMachineType"] == "STANDARD"
    assert timer["LoggingConfiguration"]["Level"] == "ALL"
    assert timer["LoggingConfiguration"]["IncludeExecutionData"] is False
    assert timer["TracingConfiguration"] == {"Enabled": True}


def test_revisions_reach_the_publisher(full):
    [rule] = [rule for rule in full.properties("AWS::Events::Rule").values() if "EventPattern" in rule]

    assert rule["EventPattern"] == {"source": ["imaging"], "detail-type": ["Study Revised", "Study Deleted"]}
    assert rule["Targets"][0]["DeadLetterConfig"]


def test_a_healthlake_store_of_ours_is_written_by_its_publisher_alone(full):
    [publish] = [
        (name, statement) for name, statement in full.statements() if "healthlake:ProcessBundle" in statement["Action"]
    ]

    assert "PublishStudy" in publish[0]
    assert "datastore/fhir/" in flat(publish[1]["Resource"])
    variables = full.process("publish_study")["Environment"]["Variables"]
    assert variables["FHIR_AUTHORIZATION"] == "sigv4"
    assert flat(variables["FHIR_BASE_URL"]).startswith("https://healthlake.us-east-1.")


def test_a_bearer_token_is_read_by_the_publisher_alone(existing):
    [(name, statement)] = [
        (name, statement)
        for name, statement in existing.statements()
        if "secretsmanager:GetSecretValue" in as_list(statement["Action"])
    ]

    assert "PublishStudy" in name
    assert statement["Resource"] == "arn:aws:secretsmanager:us-east-1:123456789012:secret:fhir-AbCdEf"


def test_nothing_is_published_where_no_fhir_server_is_configured(full, synthesise):
    assert full.process("sweep")["Environment"]["Variables"]["PUBLISHES_TO_FHIR"] == "yes"

    without = synthesise("without", {"fhir": "none", "dimse": {"enabled": False}})

    assert without.stacks.keys() == {"ImagingData", "ImagingApi", "ImagingPipeline"}
    assert without.process("sweep")["Environment"]["Variables"]["PUBLISHES_TO_FHIR"] == "no"


def test_the_dimse_endpoint_admits_the_configured_networks_alone(full):
    [door] = [group for name, group in full.properties("AWS::EC2::SecurityGroup").items() if "DimseDoor" in name]

    assert [(rule["CidrIp"], rule["FromPort"], rule["ToPort"]) for rule in door["SecurityGroupIngress"]] == [
        ("192.0.2.0/24", 104, 104)
    ]


def test_the_dimse_tasks_keep_nothing_and_have_no_public_address(full, existing):
    for deployment in (full, existing):
        [task] = deployment.properties("AWS::ECS::TaskDefinition").values()
        [container] = task["ContainerDefinitions"]
        [service] = deployment.properties("AWS::ECS::Service").values()
        assert container["ReadonlyRootFilesystem"] is True
        assert container["StopTimeout"] == 120
        assert service["NetworkConfiguration"]["AwsvpcConfiguration"]["AssignPublicIp"] == "DISABLED"


def test_the_dimse_load_balancer_is_public_only_if_asked(full, deployed):
    [public] = full.properties("AWS::ElasticLoadBalancingV2::LoadBalancer").values()
    [private] = deployed.properties("AWS::ElasticLoadBalancingV2::LoadBalancer").values()

    assert public["Scheme"] == "internet-facing"
    assert private["Scheme"] == "internal"


def test_an_existing_network_gets_no_second_one(existing):
    assert not existing.of_type("AWS::EC2::VPC")
    assert not existing.of_type("AWS::EC2::VPCEndpoint")


def test_every_acknowledged_finding_has_a_reason_in_a_sentence(full, existing, deployed):
    reasons = [
        reason
        for deployment in (full, existing, deployed)
        for path in deployment.folder.glob("*.metadata.json")
        for entries in json.loads(path.read_text()).values()
        for entry in entries
        if entry["type"] == "aws:cdk:acknowledged-rules"
        for rule, reason in entry["data"].items()
        if "AwsSolutions" in rule
    ]

    assert reasons
    for reason in reasons:
        assert len(reason.split()) >= 6, reason
        assert reason.endswith("."), reason
