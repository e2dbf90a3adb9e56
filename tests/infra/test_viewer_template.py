"""The viewer and the page of what came in: a bucket that CloudFront alone reads, and what its answers carry."""

import json
import re

import pytest

from infra.site_parts import PAGE, viewer_parts
from tests.infra.synthesised import as_list, flat, of_stack

STACK = "ImagingGateway"
EHR = "https://ehr.example.org"
NEVER_CACHED = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"  # CachingDisabled
CACHED_AS_IT_IS = "b2884449-e4de-46a7-ac36-70bc7f1ddd6d"  # CachingOptimizedForUncompressedObjects


@pytest.fixture
def behaviors(full):
    [found] = full.properties("AWS::CloudFront::Distribution").values()
    return [each for each in found["DistributionConfig"]["CacheBehaviors"] if each["PathPattern"] != "/health"]


def policies(deployment):
    """The headers that are added to answers, by the logical id of their policy."""
    return {
        path.split("/")[1]: policy["ResponseHeadersPolicyConfig"]
        for path, policy in deployment.properties("AWS::CloudFront::ResponseHeadersPolicy").items()
    }


def headers(policy):
    """What CloudFront adds to each answer, be it a failure of S3, as the front door would write it."""
    assert policy.keys() == {"Name", "SecurityHeadersConfig"}
    security = policy["SecurityHeadersConfig"]
    assert security["ContentTypeOptions"] == {"Override": True}
    return {
        "content-security-policy": security["ContentSecurityPolicy"]["ContentSecurityPolicy"],
        "referrer-policy": security["ReferrerPolicy"]["ReferrerPolicy"],
        "x-content-type-options": "nosniff",
    }


def test_without_a_gateway_there_is_neither_viewer_nor_page(existing):
    assert not existing.of_type("AWS::CloudFront::ResponseHeadersPolicy")
    variables = existing.process("search_retrieve")["Environment"]["Variables"]
    assert (variables["VIEWER_URL_TEMPLATE"], variables["VIEWER_EMBEDDED_IN"]) == ("", "[]")


def test_every_path_of_theirs_is_answered_from_the_bucket_with_the_headers_of_the_front_door(full, behaviors):
    parts = {path: part for part in (*viewer_parts([EHR]), PAGE) for path in part.paths}

    assert [each["PathPattern"] for each in behaviors] == list(parts)  # the first that fits is taken
    for behavior in behaviors:
        part = parts[behavior["PathPattern"]]
        policy = policies(full)[behavior["ResponseHeadersPolicyId"]["Ref"]]
        assert headers(policy) == part.headers
        # Beside what the front door, which speaks HTTP, may not say.
        assert policy["SecurityHeadersConfig"]["StrictTransportSecurity"] == {
            "AccessControlMaxAgeSec": 31536000,
            "Override": True,
        }
        assert behavior["CachePolicyId"] == (CACHED_AS_IT_IS if part.is_packed else NEVER_CACHED)
        assert "OriginRequestPolicyId" not in behavior  # no query, which names studies, goes on to S3 and its logs
        assert sorted(behavior["AllowedMethods"]) == ["GET", "HEAD"]
        assert behavior["ViewerProtocolPolicy"] == "https-only"
        assert [each["EventType"] for each in behavior["FunctionAssociations"]] == ["viewer-request"]


def test_pages_ask_nobody_but_this_deployment_and_are_framed_only_where_configured():
    files, viewer = viewer_parts([EHR])
    for part in (files, viewer, PAGE):
        rules = dict(rule.split(" ", 1) for rule in part.content_security_policy.split("; "))
        assert rules["default-src"] == "'none'"
        assert not re.search(r"\*|https?:", " ".join(rules[name] for name in rules if name != "frame-ancestors"))
        assert set(rules["connect-src"].split()) <= {"'self'", "blob:", "data:"}
        assert "'unsafe-inline'" not in rules["script-src"]
        assert (rules["base-uri"], rules["form-action"]) == ("'none'", "'none'")
    assert viewer.content_security_policy.endswith(f"frame-ancestors 'self' {EHR}")
    assert PAGE.content_security_policy.endswith("frame-ancestors 'none'")


def test_the_bucket_is_read_by_this_distribution_alone(full):
    [(path, bucket)] = [
        (path, each) for path, each in full.properties("AWS::S3::Bucket").items() if path.startswith(f"{STACK}/")
    ]
    [policy] = of_stack(STACK, full.properties("AWS::S3::BucketPolicy"))
    allowed = [each for each in policy["PolicyDocument"]["Statement"] if each["Effect"] == "Allow"]
    [readers] = [each for each in allowed if each["Principal"] == {"Service": "cloudfront.amazonaws.com"}]

    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    assert policy["Bucket"] == {"Ref": path.split("/")[1]}
    # Whoever may list is told 404 of what is missing, as at the front door, and not 403.
    assert as_list(readers["Action"]) == ["s3:GetObject", "s3:ListBucket"]
    assert "distribution/" in flat(readers["Condition"]["StringEquals"]["AWS:SourceArn"])
    assert [each for each in allowed if each["Principal"] == "*" or each["Principal"] == {"AWS": "*"}] == []


def test_the_viewers_files_are_put_there_packed_before_the_page_that_loads_them(full):
    deployments = {
        each["Properties"]["DestinationBucketKeyPrefix"]: (path.split("/")[1], each)
        for path, each in full.of_type("Custom::CDKBucketDeployment").items()
    }

    assert deployments.keys() == {"page", "viewer", "viewer/files"}
    files_id, files = deployments["viewer/files"]
    _, viewer = deployments["viewer"]
    of_viewer = viewer_parts([])
    assert files["Properties"]["SystemMetadata"] == {
        "content-encoding": "gzip",
        "cache-control": of_viewer[0].cache_control,
    }
    assert viewer["Properties"]["SystemMetadata"] == {"cache-control": of_viewer[1].cache_control}
    assert deployments["page"][1]["Properties"]["SystemMetadata"] == {"cache-control": PAGE.cache_control}
    assert any(each.startswith(files_id.rpartition("CustomResource")[0]) for each in viewer["DependsOn"])
    assert files["Properties"]["Prune"] is False  # pages that are open go on loading what belongs to them
    assert deployments["page"][1]["Properties"]["Prune"] is True


def test_what_puts_them_there_may_read_the_next_ones_too(full):
    """An update changes no policy: it might not be in force yet when the function reads."""
    [policy] = [
        each["PolicyDocument"]["Statement"]
        for path, each in full.properties("AWS::IAM::Policy").items()
        if path.startswith(f"{STACK}/SiteFillerRole")
    ]
    read = [flat(each["Resource"]) for each in policy if as_list(each["Action"]) == ["s3:GetObject"]]

    assert read == ["arn:aws:s3:::cdk-hnb659fds-assets-123456789012-us-east-1/*.zip"]


def test_the_reader_is_told_where_studies_open_and_what_it_may_tell(full, deployed):
    ours, plain = (each.process("search_retrieve")["Environment"]["Variables"] for each in (full, deployed))

    assert ours["VIEWER_URL_TEMPLATE"] == (
        "https://dicomweb.example.org/viewer/viewer/{space}?StudyInstanceUIDs={studies}&SeriesInstanceUIDs={series}"
    )
    assert json.loads(ours["VIEWER_EMBEDDED_IN"]) == [EHR]
    assert (ours["QUIET_SECONDS"], ours["PUBLISHES_TO_FHIR"]) == ("30", "yes")
    assert ours["FHIR_SEARCH_URL"] == ""  # a browser cannot ask HealthLake
    assert plain["FHIR_SEARCH_URL"] == "https://fhir.example.org/r4"


def test_with_another_viewer_there_is_the_page_and_no_viewer_of_ours(synthesise):
    template = "weasis://?studies={studies}&server={dicomweb}"
    made = synthesise("another_viewer", {}, gateway={}, viewer={"url_template": template})

    deployments = made.properties("Custom::CDKBucketDeployment").values()
    assert [each["DestinationBucketKeyPrefix"] for each in deployments] == ["page"]
    assert made.process("search_retrieve")["Environment"]["Variables"]["VIEWER_URL_TEMPLATE"] == template
    assert len(policies(made)) == 1
