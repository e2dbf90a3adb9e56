"""What the outside meets: the API, the FHIR server."""

import json
import re

from imaging.pipeline.publish_study import TURN
from tests.infra.synthesised import as_list, flat, of_stack

METHODS = ["DELETE", *["GET"] * 6, *["HEAD"] * 6, *["OPTIONS"] * 6, "POST"]
"""Reading is of /spaces, of a space, of what lies below, and of three resources beside /spaces."""


def authorizations(deployment):
    methods = deployment.properties("AWS::ApiGateway::Method").values()
    assert sorted(method["HttpMethod"] for method in methods) == METHODS
    return {(method["HttpMethod"], method["AuthorizationType"]) for method in methods}


def test_callers_of_the_api_are_authorised_by_iam(existing):
    assert authorizations(existing) == {(method, "AWS_IAM") for method in METHODS}


def test_a_browser_may_ask_unsigned_where_pages_of_other_origins_may_read_and_nothing_else_goes_unsigned(full):
    signed = {(method, "AWS_IAM") for method in METHODS if method != "OPTIONS"}

    assert authorizations(full) == {*signed, ("OPTIONS", "NONE")}


def test_what_api_gateway_answers_itself_can_be_read_by_those_pages_too(full, existing):
    shown = "gatewayresponse.header.Access-Control-Allow-Origin"
    ours, none = (
        [response.get("ResponseParameters", {}) for response in deployment.properties(kind).values()]
        for deployment, kind in (
            (full, "AWS::ApiGateway::GatewayResponse"),
            (existing, "AWS::ApiGateway::GatewayResponse"),
        )
    )

    assert ours == [{shown: "'https://viewer.example.org'"}] * 4
    assert none == [{}] * 4


def test_who_may_read_is_told_to_every_process_that_answers(full, existing):
    for process in ("store_instance", "search_retrieve", "delete_instances"):
        variables = full.process(process)["Environment"]["Variables"]
        assert json.loads(variables["CORS_ORIGINS"]) == ["https://viewer.example.org"]
        assert json.loads(existing.process(process)["Environment"]["Variables"]["CORS_ORIGINS"]) == []


def test_what_is_indexed_beside_is_told_to_every_process_that_indexes_or_searches_and_to_the_operators(full):
    tags = [{"tag": "ImageComments", "level": "series"}]
    for process in ("index_instance", "finalize_study", "sweep", "search_retrieve", "delete_instances"):
        assert json.loads(full.process(process)["Environment"]["Variables"]["QUERY_TAGS"]) == tags
    assert "ImageComments" in flat(full.stacks["ImagingOperations"]["Outputs"]["OperatorEnvironment"]["Value"])


def test_the_function_that_draws_has_room_for_its_worker_and_as_much_again(full):
    draws = full.process("search_retrieve")
    variables = draws["Environment"]["Variables"]

    assert variables["PIXEL_WORKERS"] == "1"
    assert draws["MemorySize"] == 2 * int(variables["PIXEL_WORKER_MIB"])


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


def test_addresses_start_with_the_domain_where_there_is_one(full, existing, synthesise):
    def base_address(deployment):
        return deployment.process("search_retrieve")["Environment"]["Variables"]["PUBLIC_BASE_ADDRESS"]

    domain = {"name": "api.example.org", "certificate_arn": "arn:aws:acm:us-east-1:123456789012:certificate/0123"}
    assert base_address(full) == "https://dicomweb.example.org"
    assert base_address(synthesise("own_domain", {"domain": domain})) == "https://api.example.org"
    [domain] = full.properties("AWS::ApiGateway::DomainName").values()
    assert domain["SecurityPolicy"] == "TLS_1_2"
    of_the_api = flat(base_address(existing))
    assert re.fullmatch(r'https://\{"Ref": ".+"\}\.execute-api\.us-east-1\..+/live', of_the_api)


def test_revisions_reach_the_publisher(full):
    [rule] = of_stack("ImagingFhir", full.properties("AWS::Events::Rule"))

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
    assert json.loads(variables["FHIR_POLICY"])["writes"] == "put-by-id"
    assert flat(variables["FHIR_BASE_URL"]).startswith("https://healthlake.us-east-1.")


def test_records_lead_to_the_viewer_of_their_own_space_where_there_is_one(full, existing):
    policies = [
        json.loads(deployment.process("publish_study")["Environment"]["Variables"]["FHIR_POLICY"])
        for deployment in (full, existing)
    ]

    display = "https://dicomweb.example.org/spaces/{space}/IHEInvokeImageDisplay"
    assert [policy.get("invoke_image_display") for policy in policies] == [display, None]


def test_a_bearer_token_is_read_by_the_publisher_alone(existing):
    [(name, statement)] = [
        (name, statement)
        for name, statement in existing.statements()
        if "secretsmanager:GetSecretValue" in as_list(statement["Action"])
    ]

    assert "PublishStudy" in name
    assert statement["Resource"] == "arn:aws:secretsmanager:us-east-1:123456789012:secret:fhir-AbCdEf"


def test_a_publisher_ends_before_its_turn_at_a_study_does_and_before_its_message_comes_back(existing):
    timeout = existing.process("publish_study")["Timeout"]

    [queue] = [
        queue for queue in of_stack("ImagingFhir", existing.properties("AWS::SQS::Queue")) if "RedrivePolicy" in queue
    ]
    assert timeout < TURN.total_seconds() < queue["VisibilityTimeout"]


def test_the_publisher_knows_when_its_queue_gives_up(existing):
    tries = existing.process("publish_study")["Environment"]["Variables"]["PUBLISH_TRIES"]

    [queue] = [
        queue for queue in of_stack("ImagingFhir", existing.properties("AWS::SQS::Queue")) if "RedrivePolicy" in queue
    ]
    assert int(tries) == queue["RedrivePolicy"]["maxReceiveCount"]


def test_a_key_is_read_by_the_publisher_alone_and_it_knows_what_to_say_with_it(synthesise):
    arn = "arn:aws:secretsmanager:us-east-1:123456789012:secret:key-AbCdEf"
    key = "arn:aws:kms:us-east-1:123456789012:key/0123abcd-0123-4567-89ab-0123456789ab"
    smart = {"client_id": "imaging", "key_secret_arn": arn}
    fhir = {
        "kms_key_arn": key,
        "base_url": "https://fhir.example.org/r4",
        "authorization": "smart",
        "smart": smart,
        "patient": "create-only",
    }

    made = synthesise("smart", {"fhir": fhir, "dimse": {"enabled": False}})

    [(name, statement)] = [
        (name, statement)
        for name, statement in made.statements()
        if "secretsmanager:GetSecretValue" in as_list(statement["Action"])
    ]
    assert "PublishStudy" in name
    assert statement["Resource"] == arn
    with_their_key = [(name, each["Action"]) for name, each in made.statements() if each["Resource"] == key]
    assert with_their_key == [(name, "kms:Decrypt")]
    variables = made.process("publish_study")["Environment"]["Variables"]
    assert {key: value for key, value in variables.items() if key.startswith("FHIR_")} == {
        "FHIR_AUTHORIZATION": "smart",
        "FHIR_BASE_URL": "https://fhir.example.org/r4",
        "FHIR_POLICY": '{"patient": "create-only"}',
        "FHIR_SMART_CLIENT_ID": "imaging",
        "FHIR_SMART_KEY_SECRET_ARN": arn,
        "FHIR_SMART_SCOPE": "system/*.cruds",
        "FHIR_SMART_TOKEN_URL": "",
    }


def test_nothing_is_published_where_no_fhir_server_is_configured(full, synthesise):
    assert full.process("sweep")["Environment"]["Variables"]["PUBLISHES_TO_FHIR"] == "yes"

    without = synthesise("without", {"fhir": "none", "dimse": {"enabled": False}})

    assert without.stacks.keys() == {
        *("ImagingData", "ImagingApi", "ImagingPipeline", "ImagingDistribution", "ImagingOperations"),
    }
    assert without.process("sweep")["Environment"]["Variables"]["PUBLISHES_TO_FHIR"] == "no"
