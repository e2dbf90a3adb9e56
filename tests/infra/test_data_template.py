"""What the stack of the data promises, and what outlives every stack."""

import re

import pytest

STATEFUL = (
    "AWS::S3::Bucket",
    "AWS::S3::BucketPolicy",
    "AWS::DynamoDB::GlobalTable",
    "AWS::KMS::Key",
    "AWS::Logs::LogGroup",
    "AWS::HealthLake::FHIRDatastore",
)


def buckets_of_data(deployment):
    """All but the one of the viewer and the page."""
    buckets = deployment.properties("AWS::S3::Bucket")
    return {name: bucket for name, bucket in buckets.items() if name.startswith("ImagingData/")}


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


def test_buckets_are_private_and_versioned_and_log_access(full):
    buckets = full.properties("AWS::S3::Bucket")

    assert len(buckets) == 4
    for name, bucket in buckets.items():
        assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}, name
        assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}, name
        [ownership] = bucket["OwnershipControls"]["Rules"]
        assert ownership == {"ObjectOwnership": "BucketOwnerEnforced"}, name
        assert "LoggingConfiguration" in bucket or "AccessLogs" in name or name.startswith("ImagingGateway/Site")


def test_spaces_are_encrypted_with_the_customer_key(full):
    spaces = {name: bucket for name, bucket in buckets_of_data(full).items() if "AccessLogs" not in name}

    for name, bucket in spaces.items():
        [rule] = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        assert rule["BucketKeyEnabled"] is True, name
        assert rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms", name
        assert "Fn::GetAtt" in rule["ServerSideEncryptionByDefault"]["KMSMasterKeyID"], name
    [key] = full.properties("AWS::KMS::Key").values()
    assert key["EnableKeyRotation"] is True


def test_what_is_no_longer_needed_expires(full):
    for name, bucket in buckets_of_data(full).items():
        rules = {rule["Id"]: rule for rule in bucket["LifecycleConfiguration"]["Rules"]}
        if "AccessLogs" in name:
            assert rules["retention"]["ExpirationInDays"] == 90
        else:
            assert rules["incomplete-uploads"]["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 1}
            assert rules["dropped"]["Prefix"] == "incoming/"
            assert not any("Expiration" in key for key in rules["incomplete-uploads"])


def test_earlier_versions_of_what_was_stored_never_expire(full):
    """A revision names them: any earlier state of a study can be read back."""
    for name, bucket in buckets_of_data(full).items():
        for rule in bucket["LifecycleConfiguration"]["Rules"]:
            expires = any("Expiration" in key for key in rule)
            assert "AccessLogs" in name or not expires or rule["Prefix"] in ("incoming/", "drafts/"), rule["Id"]


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
    spaces = [bucket for name, bucket in buckets_of_data(full).items() if "AccessLogs" not in name]

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
        "by_modality": [
            ("HASH", "space"),
            ("HASH", "modality"),
            ("RANGE", "modality_date"),
            ("RANGE", "study_instance_uid"),
        ],
        "by_name": [
            ("HASH", "space"),
            ("HASH", "name_initial"),
            ("RANGE", "name_key"),
            ("RANGE", "name_age"),
            ("RANGE", "study_instance_uid"),
        ],
        "by_uid": [("HASH", "space"), ("HASH", "uid"), ("RANGE", "sk")],
        "by_arrival": [
            ("HASH", "space"),
            ("RANGE", "opened_at"),
            ("RANGE", "study_instance_uid"),
            ("RANGE", "listed_date"),
        ],
        "pending": [("HASH", "pending"), ("RANGE", "pending_since"), ("RANGE", "sk")],
    }


def test_logs_are_encrypted_with_the_customer_key_and_kept_for_as_long_as_configured(full):
    for name, group in full.properties("AWS::Logs::LogGroup").items():
        assert group["RetentionInDays"] == 90, name
        assert "Fn::ImportValue" in group["KmsKeyId"], name
