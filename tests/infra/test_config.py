"""What cdk.json may say, and what is said to whoever writes something else there."""

import json

import pytest
from aws_cdk import Stack
from aws_cdk.aws_kms import Key
from aws_cdk.aws_s3 import Bucket

from imaging.dicom.attributes import INSTANCE_ATTRIBUTES, PATIENT_STUDY_ATTRIBUTES, SERIES_ATTRIBUTES
from imaging.reading.query_keys import MODALITIES_IN_STUDY
from imaging.settings import Settings
from infra.config import PLACEHOLDER_ACCOUNT, Configuration
from infra.constructs.storage_space import StorageSpace
from infra.query_tag_config import MATCHED_ANYWAY, query_tags_setting
from infra.section import ConfigurationError

SPACE = {"name": "main", "ae_title": "MAIN"}
MINIMAL = {"spaces": [SPACE]}
VPC = {
    "id": "vpc-0123abcd",
    "availability_zones": ["eu-west-1a"],
    "task_subnet_ids": ["subnet-0123abcd"],
    "load_balancer_subnet_ids": ["subnet-0123abce"],
}


def read(environment=None, /, **settings) -> Configuration:
    return Configuration.of({**MINIMAL, **settings}, environment or {})


def test_accepts_what_cdk_json_says(own_settings):
    configuration = Configuration.of(own_settings, {})

    assert [space.name for space in configuration.spaces] == ["main", "research"]
    assert configuration.quiet_seconds == 30
    assert configuration.api_authorization == "iam"
    assert not configuration.local


def test_needs_no_more_than_a_space():
    configuration = read()

    assert configuration.fhir is None
    assert configuration.dimse
    assert configuration.dimse.port == 11112


def test_waits_until_a_study_is_quiet_and_compares_weekly_unless_configured_otherwise():
    [space] = read().spaces
    [eager] = read(spaces=[{**SPACE, "longest_wait_seconds": 600, "finish_on": ["association-released"]}]).spaces

    assert (space.longest_wait_seconds, space.finish_on, read().reconcile_days) == (0, (), 7)
    assert (eager.longest_wait_seconds, eager.finishes_on_release) == (600, True)


def test_a_space_knows_the_systems_of_those_that_devices_name_by_a_text_and_its_processes_are_told():
    issuers = {"HIS": "urn:oid:1.2.3", "St. Mary / East": "https://east.example.org/mrn", "東京": "urn:oid:1.2.4"}
    [plain] = read().spaces
    [space] = read(spaces=[{**SPACE, "issuers": issuers}]).spaces
    stack = Stack()
    made = StorageSpace(
        stack, "main", space, key=Key(stack, "Key"), access_logs=Bucket(stack, "Logs"), arrivals={}, removals={}
    )

    assert (plain.issuers, space.issuers) == ({}, issuers)
    assert Settings({"SPACES": json.dumps([made.as_setting()])}).spaces["main"].issuers == issuers


def test_prefers_its_own_account_to_that_of_the_credentials():
    of_credentials = {"CDK_DEFAULT_ACCOUNT": "111122223333", "CDK_DEFAULT_REGION": "eu-west-1"}

    assert read(of_credentials).account == "111122223333"
    assert read(of_credentials).region == "eu-west-1"
    assert read(of_credentials, account="444455556666").account == "444455556666"
    assert read().account == PLACEHOLDER_ACCOUNT


def test_goes_without_authorisation_only_locally():
    assert read(api_authorization="none", local=True).api_authorization == "none"

    with pytest.raises(ConfigurationError, match=r"imaging\.api_authorization .* only the local run"):
        read(api_authorization="none")


def test_publishes_to_a_named_healthlake_store_with_its_signature():
    fhir = read(fhir={"healthlake_datastore_id": "0123456789abcdef0123456789abcdef"}).fhir

    assert fhir
    assert fhir.authorization == "sigv4"
    assert fhir.base_url == ""
    assert fhir.policy == {"writes": "put-by-id"}


def test_publishes_to_any_server_with_a_bearer_token():
    secret = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:fhir-AbCdEf"
    fhir = read(
        fhir={"base_url": "https://fhir.example.org/r4", "authorization": "bearer", "token_secret_arn": secret}
    ).fhir

    assert fhir
    assert (fhir.authorization, fhir.token_secret_arn) == ("bearer", secret)


FHIR = "https://fhir.example.org/r4"
KEY = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:key-AbCdEf"
KMS_KEY = "arn:aws:kms:eu-west-1:123456789012:key/0123abcd-0123-4567-89ab-0123456789ab"
SMART = {"base_url": FHIR, "authorization": "smart", "smart": {"client_id": "imaging", "key_secret_arn": KEY}}


def test_publishes_to_a_server_that_knows_it_by_its_key():
    fhir = read(fhir=SMART).fhir

    assert fhir
    assert fhir.smart
    assert fhir.secret_arn == fhir.smart.key_secret_arn == KEY
    assert (fhir.smart.token_url, fhir.smart.scope) == ("", "system/*.cruds")


@pytest.mark.parametrize("base_url", ["http://127.0.0.1:8080/fhir", "http://localhost:8080/fhir", "http://[::1]/fhir"])
def test_on_this_machine_nobody_listens_in(base_url):
    token_url = f"{base_url}/token/"
    fhir = read(fhir={**SMART, "base_url": base_url, "smart": {**SMART["smart"], "token_url": token_url}}).fhir

    assert fhir
    assert fhir.smart
    assert (fhir.base_url, fhir.smart.token_url) == (base_url, token_url)


def test_a_server_that_is_sent_nothing_secret_may_be_asked_without_tls():
    fhir = read(fhir={"base_url": "http://fhir.internal:8080/fhir"}).fhir

    assert fhir
    assert fhir.base_url == "http://fhir.internal:8080/fhir"


def test_publishes_as_it_is_configured_to_and_leaves_the_rest_to_the_publisher():
    policy = {
        "patient": "reference-only",
        "on_delete": "cancel",
        "writes": "search-then-put",
        "enforce_validation": True,
        "max_listed_instances": 0,
        "document_references": True,
        "dose_observations": False,
        "managing_organization": "Organization/radiology",
        "invoke_image_display": "https://viewer.example.org/IHEInvokeImageDisplay",
    }

    configured, unconfigured = read(fhir={"base_url": FHIR, **policy}).fhir, read(fhir={"base_url": FHIR}).fhir

    assert configured
    assert unconfigured
    assert configured.policy == policy
    assert unconfigured.policy == {}


def test_leaves_dimse_out_when_it_is_not_enabled():
    assert read(dimse={"enabled": False}).dimse is None


def test_takes_an_existing_network():
    dimse = read(dimse={"vpc": VPC}).dimse

    assert dimse
    assert dimse.vpc
    assert dimse.vpc.task_subnet_ids == ("subnet-0123abcd",)


def test_has_no_gateway_unless_it_is_configured():
    assert read().gateway is None
    assert read(gateway="none").gateway is None


def test_the_local_run_has_a_gateway():
    gateway = read(gateway={"spool_gib": 40, "tasks": 6}, local=True, viewer="none").gateway

    assert gateway
    assert (gateway.spool_gib, gateway.tasks, gateway.most_tasks) == (40, 6, 6)


def test_a_deployment_cannot_have_a_gateway_before_it_can_check_tokens():
    with pytest.raises(ConfigurationError) as raised:
        read(gateway={})

    sentence = str(raised.value)
    assert sentence.startswith("imaging.gateway must be 'none': ")
    assert "OIDC issuer" in sentence
    assert "SigV4" in sentence


@pytest.mark.parametrize(
    ("settings", "key"),
    [
        ({"gateway": {"spool_gib": 20}}, "imaging.gateway.spool_gib"),
        ({"gateway": {"spool_gib": 201}}, "imaging.gateway.spool_gib"),
        ({"gateway": {"cpu": 1000}}, "imaging.gateway.cpu"),
        ({"gateway": {"memory_mib": 1024}}, "imaging.gateway.memory_mib"),
        ({"gateway": {"tasks": 3, "most_tasks": 2}}, "imaging.gateway.most_tasks"),
        ({"gateway": {"cidr": "10.0.0.0/8"}}, "imaging.gateway.cidr"),
        ({"gateway": {"port": 80}}, "imaging.gateway.port"),
        ({"gateway": "yes"}, "imaging.gateway"),
        (
            {
                "gateway": {
                    "domain": {"name": "i.example.org", "certificate_arn": "arn:aws:acm:eu-west-1:1:certificate/0"}
                }
            },
            "imaging.gateway.domain.certificate_arn",
        ),
        ({"cors": []}, "imaging.cors"),
        ({"cors": {}}, "imaging.cors.allowed_origins"),
        ({"cors": {"allowed_origins": "*"}}, "imaging.cors.allowed_origins"),
        ({"cors": {"allowed_origins": ["*", "https://viewer.example.org"]}}, "imaging.cors.allowed_origins"),
        ({"cors": {"allowed_origins": ["https://viewer.example.org/"]}}, "imaging.cors.allowed_origins"),
        ({"cors": {"allowed_origins": ["viewer.example.org"]}}, "imaging.cors.allowed_origins"),
        ({"cors": {"allowed_origins": ["null"]}}, "imaging.cors.allowed_origins"),
        ({"cors": {"origins": ["*"]}}, "imaging.cors.origins"),
        ({"query_tags": {}}, "imaging.query_tags"),
        ({"query_tags": [{"tag": f"0019{n:04X}", "level": "series"} for n in range(65)]}, "imaging.query_tags"),
        ({"query_tags": [{"tag": "0018103", "level": "series"}]}, "imaging.query_tags[0].tag"),
        ({"query_tags": [{"tag": "0018,1030", "level": "series"}]}, "imaging.query_tags[0].tag"),
        ({"query_tags": [{"tag": "AcquisitionComments"}]}, "imaging.query_tags[0].level"),
        ({"query_tags": [{"tag": "AcquisitionComments", "level": "patient"}]}, "imaging.query_tags[0].level"),
        ({"query_tags": [{"tag": "AcquisitionComments", "level": "series", "vr": "SQ"}]}, "imaging.query_tags[0].vr"),
        (
            {"query_tags": [{"tag": "AcquisitionComments", "level": "series", "private_creator": "A"}]},
            "imaging.query_tags[0].private_creator",
        ),
        ({"query_tags": [{"tag": "00191001", "level": "series"}]}, "imaging.query_tags[0].private_creator"),
        (
            {"query_tags": [{"tag": "00191001", "level": "series", "private_creator": "A"}]},
            "imaging.query_tags[0].vr",
        ),
        (
            {"query_tags": [{"tag": "00191101", "level": "series", "private_creator": "A", "vr": "LO"}]},
            "imaging.query_tags[0].tag",
        ),
        ({"query_tags": [{"tag": "StationNam", "level": "series"}]}, "imaging.query_tags[0].tag"),
        ({"query_tags": [{"tag": "StationName", "level": "series"}]}, "imaging.query_tags[0].tag"),
        ({"query_tags": [{"tag": "00080061", "level": "study"}]}, "imaging.query_tags[0].tag"),
        ({"query_tags": [{"tag": "ReferencedStudySequence", "level": "study"}]}, "imaging.query_tags[0].tag"),
        ({"query_tags": [{"tag": "PixelData", "level": "instance", "vr": "LO"}]}, "imaging.query_tags[0].tag"),
        ({"query_tags": [{"tag": "AcquisitionComments", "level": "series", "vr": "LO"}]}, "imaging.query_tags[0].vr"),
        ({"query_tags": [{"tag": "00180002", "level": "series"}]}, "imaging.query_tags[0].vr"),
        (
            {"query_tags": [{"tag": "00184000", "level": "series"}, {"tag": "00184000", "level": "study"}]},
            "imaging.query_tags",
        ),
        (
            {"query_tags": [{"tag": "00184000", "level": "series"}, {"tag": "AcquisitionComments", "level": "series"}]},
            "imaging.query_tags",
        ),
        (
            {
                "query_tags": [
                    {"tag": "00191001", "level": "series", "private_creator": creator, "vr": "LO"}
                    for creator in ("A", "B")
                ]
            },
            "imaging.query_tags",
        ),
        (
            {
                "query_tags": [
                    {"tag": f"001910{n:02X}", "level": "series", "private_creator": "A" * 64, "vr": "LO"}
                    for n in range(20)
                ]
            },
            "imaging.query_tags",
        ),
        ({"quiet_second": 3}, "imaging.quiet_second"),
        ({"quiet_seconds": "30"}, "imaging.quiet_seconds"),
        ({"quiet_seconds": 0}, "imaging.quiet_seconds"),
        ({"quiet_seconds": True}, "imaging.quiet_seconds"),
        ({"account": 123456789012}, "imaging.account"),
        ({"region": "Frankfurt"}, "imaging.region"),
        ({"local": "yes"}, "imaging.local"),
        ({"public_base_address": "https://imaging.example.org/"}, "imaging.public_base_address"),
        ({"public_base_address": "imaging.example.org"}, "imaging.public_base_address"),
        ({"api_authorization": "cognito"}, "imaging.api_authorization"),
        ({"log_retention_days": 45}, "imaging.log_retention_days"),
        ({"index_concurrency": 1}, "imaging.index_concurrency"),
        ({"alarm_email": "nobody"}, "imaging.alarm_email"),
        ({"spaces": []}, "imaging.spaces"),
        ({"spaces": SPACE}, "imaging.spaces"),
        ({"spaces": ["main"]}, "imaging.spaces[0]"),
        ({"spaces": [{"name": "main"}]}, "imaging.spaces[0].ae_title"),
        ({"spaces": [{"name": "Main", "ae_title": "MAIN"}]}, "imaging.spaces[0].name"),
        ({"spaces": [{"name": "a/b", "ae_title": "MAIN"}]}, "imaging.spaces[0].name"),
        ({"spaces": [{"name": "main", "ae_title": "LONGER THAN SIXTEEN"}]}, "imaging.spaces[0].ae_title"),
        ({"spaces": [{"name": "main", "ae_title": "A\\B"}]}, "imaging.spaces[0].ae_title"),
        ({"spaces": [SPACE, {**SPACE, "name": "other"}]}, "imaging.spaces"),
        ({"spaces": [SPACE, {**SPACE, "ae_title": "OTHER"}]}, "imaging.spaces"),
        ({"spaces": [{**SPACE, "other_bytes": "keep"}]}, "imaging.spaces[0].other_bytes"),
        ({"spaces": [{**SPACE, "longest_wait_seconds": -1}]}, "imaging.spaces[0].longest_wait_seconds"),
        ({"spaces": [{**SPACE, "finish_on": "association-released"}]}, "imaging.spaces[0].finish_on"),
        ({"spaces": [{**SPACE, "finish_on": ["association-aborted"]}]}, "imaging.spaces[0].finish_on"),
        ({"reconcile_days": 0}, "imaging.reconcile_days"),
        ({"spaces": [{**SPACE, "patient_identifier_system": "MRN"}]}, "imaging.spaces[0].patient_identifier_system"),
        ({"spaces": [{**SPACE, "issuers": ["HIS"]}]}, "imaging.spaces[0].issuers"),
        ({"spaces": [{**SPACE, "issuers": {"": "urn:oid:1.2.3"}}]}, "imaging.spaces[0].issuers"),
        ({"spaces": [{**SPACE, "issuers": {"HIS ": "urn:oid:1.2.3"}}]}, "imaging.spaces[0].issuers"),
        ({"spaces": [{**SPACE, "issuers": {"A\\B": "urn:oid:1.2.3"}}]}, "imaging.spaces[0].issuers"),
        ({"spaces": [{**SPACE, "issuers": {"HIS": "MRN"}}]}, "imaging.spaces[0].issuers.HIS"),
        ({"spaces": [{**SPACE, "issuers": {"HIS": None}}]}, "imaging.spaces[0].issuers.HIS"),
        ({"domain": {"name": "imaging.example.org"}}, "imaging.domain.certificate_arn"),
        ({"fhir": "healthlake"}, "imaging.fhir"),
        ({"fhir": {}}, "imaging.fhir"),
        ({"fhir": {"base_url": "https://fhir.example.org", "create_healthlake": True}}, "imaging.fhir"),
        ({"fhir": {"base_url": "https://fhir.example.org/"}}, "imaging.fhir.base_url"),
        ({"fhir": {"base_url": "https://f.example.org", "authorization": "bearer"}}, "imaging.fhir.token_secret_arn"),
        ({"fhir": {"base_url": "https://f.example.org", "authorization": "basic"}}, "imaging.fhir.authorization"),
        ({"fhir": {"healthlake_datastore_id": "mine"}}, "imaging.fhir.healthlake_datastore_id"),
        (
            {"fhir": {"base_url": "https://f.example.org", "authorization": "bearer", "token_secret_arn": "token"}},
            "imaging.fhir.token_secret_arn",
        ),
        ({"fhir": {**SMART, "smart": None}}, "imaging.fhir.smart"),
        ({"fhir": {**SMART, "base_url": "http://fhir.example.org/r4"}}, "imaging.fhir.base_url"),
        ({"fhir": {**SMART, "base_url": "http://localhost.example.org/r4"}}, "imaging.fhir.base_url"),
        (
            {"fhir": {"base_url": "http://f.example.org", "authorization": "bearer", "token_secret_arn": KEY}},
            "imaging.fhir.base_url",
        ),
        (
            {"fhir": {**SMART, "smart": {**SMART["smart"], "token_url": "http://auth.example.org/token"}}},
            "imaging.fhir.smart.token_url",
        ),
        ({"fhir": {**SMART, "kms_key_arn": "alias/fhir"}}, "imaging.fhir.kms_key_arn"),
        ({"fhir": {"base_url": FHIR, "kms_key_arn": KMS_KEY}}, "imaging.fhir.kms_key_arn"),
        ({"fhir": {"create_healthlake": True, "kms_key_arn": KMS_KEY}}, "imaging.fhir.kms_key_arn"),
        ({"fhir": {**SMART, "authorization": "none"}}, "imaging.fhir.smart"),
        ({"fhir": {**SMART, "token_secret_arn": KEY}}, "imaging.fhir.token_secret_arn"),
        ({"fhir": {**SMART, "smart": {"client_id": "imaging"}}}, "imaging.fhir.smart.key_secret_arn"),
        ({"fhir": {**SMART, "smart": {"client_id": "", "key_secret_arn": KEY}}}, "imaging.fhir.smart.client_id"),
        ({"fhir": {**SMART, "smart": {**SMART["smart"], "scope": ""}}}, "imaging.fhir.smart.scope"),
        ({"fhir": {**SMART, "smart": {**SMART["smart"], "token_url": "/token"}}}, "imaging.fhir.smart.token_url"),
        ({"fhir": {**SMART, "smart": {**SMART["smart"], "secret": "x"}}}, "imaging.fhir.smart.secret"),
        ({"fhir": {"create_healthlake": True, "authorization": "bearer"}}, "imaging.fhir.authorization"),
        ({"fhir": {"create_healthlake": True, "writes": "search-then-put"}}, "imaging.fhir.writes"),
        ({"fhir": {"base_url": FHIR, "patient": "update"}}, "imaging.fhir.patient"),
        ({"fhir": {"base_url": FHIR, "on_delete": "keep"}}, "imaging.fhir.on_delete"),
        ({"fhir": {"base_url": FHIR, "writes": "post"}}, "imaging.fhir.writes"),
        ({"fhir": {"base_url": FHIR, "enforce_validation": "yes"}}, "imaging.fhir.enforce_validation"),
        ({"fhir": {"base_url": FHIR, "max_listed_instances": -1}}, "imaging.fhir.max_listed_instances"),
        ({"fhir": {"base_url": FHIR, "document_references": 1}}, "imaging.fhir.document_references"),
        ({"fhir": {"base_url": FHIR, "dose_observations": 1}}, "imaging.fhir.dose_observations"),
        ({"fhir": {"base_url": FHIR, "managing_organization": "Radiology"}}, "imaging.fhir.managing_organization"),
        ({"fhir": {"base_url": FHIR, "invoke_image_display": "viewer"}}, "imaging.fhir.invoke_image_display"),
        ({"fhir": {"base_url": FHIR, "patients": "sync"}}, "imaging.fhir.patients"),
        ({"dimse": {"cpu": 1000}}, "imaging.dimse.cpu"),
        ({"dimse": {"cpu": 512, "memory_mib": 8192}}, "imaging.dimse.memory_mib"),
        ({"dimse": {"port": 70000}}, "imaging.dimse.port"),
        ({"dimse": {"peer_cidrs": "10.0.0.0/8"}}, "imaging.dimse.peer_cidrs"),
        ({"dimse": {"peer_cidrs": ["10.0.0.1/8"]}}, "imaging.dimse.peer_cidrs"),
        ({"dimse": {"peer_cidrs": ["0.0.0.0/0"]}}, "imaging.dimse.peer_cidrs"),
        ({"dimse": {"cidr": "10.0.0.0/8"}}, "imaging.dimse.cidr"),
        ({"dimse": {"vpc": {**VPC, "id": "default"}}}, "imaging.dimse.vpc.id"),
        ({"dimse": {"vpc": {**VPC, "task_subnet_ids": []}}}, "imaging.dimse.vpc.task_subnet_ids"),
    ],
)
def test_names_the_key_that_is_wrong_in_one_sentence(settings, key):
    with pytest.raises(ConfigurationError) as raised:
        read(**settings)

    sentence = str(raised.value)
    assert sentence.startswith(f"{key} ")
    assert sentence.endswith(".")
    assert "\n" not in sentence


def test_indexes_nothing_beside_and_speaks_to_no_other_origin_unless_it_is_configured():
    assert read().query_tags == ()
    assert read().cors is None
    assert read(cors="none").cors is None


def test_tells_the_processes_what_they_index_beside():
    tags = [
        {"tag": "0018103a", "level": "series", "vr": "LO"},
        {"tag": "AcquisitionComments", "level": "series"},
        {"tag": "00191001", "level": "instance", "vr": "DS", "private_creator": "ACME 1.1"},
    ]

    assert json.loads(query_tags_setting(read(query_tags=tags).query_tags)) == [
        {**tags[0], "tag": "0018103A"},
        *tags[1:],
    ]


def test_what_a_search_matches_anyway_is_what_the_processes_index():
    always = {*PATIENT_STUDY_ATTRIBUTES, *SERIES_ATTRIBUTES, *INSTANCE_ATTRIBUTES, MODALITIES_IN_STUDY.tag}

    assert always == MATCHED_ANYWAY


def test_what_is_taken_is_what_a_process_can_read():
    setting = query_tags_setting(read(query_tags=[{"tag": "SmallestImagePixelValue", "level": "instance"}]).query_tags)

    assert [tag.tag for tag in Settings({"QUERY_TAGS": setting}).query_tags] == ["00280106"]


def test_takes_origins_of_pages():
    origins = ["https://viewer.example.org", "http://localhost:3000", "http://[::1]:3000"]
    cors = read(cors={"allowed_origins": [*origins, origins[0]]}).cors

    assert cors
    assert cors.allowed_origins == tuple(origins)


def test_what_cannot_look_at_who_asks_names_the_one_origin_or_any():
    def shown(*origins):
        cors = read(cors={"allowed_origins": list(origins)}).cors
        assert cors
        return cors.shown_everywhere

    assert shown("https://viewer.example.org") == "https://viewer.example.org"
    assert shown("https://a.example.org", "https://b.example.org") == shown("*") == "*"


def test_a_context_without_settings_is_told_so():
    with pytest.raises(ConfigurationError, match=r"^imaging must be an object"):
        Configuration.of(None, {})
