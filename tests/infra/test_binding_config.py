"""What `imaging.bindings` may say, and what is said to whoever writes something else there."""

import pytest

from imaging.dimse.node import Node
from imaging.model.binding import Occasion, TargetKind, binding_of, bindings_of
from infra.config import Configuration
from infra.section import ConfigurationError

SPACES = [{"name": name, "ae_title": name.upper()} for name in ("main", "research", "archive")]
SECRET = "arn:aws:secretsmanager:us-east-1:123456789012:secret:token-AbCdEf"
QUEUE = "arn:aws:sqs:us-east-1:123456789012:theirs"
KEY = "arn:aws:kms:us-east-1:123456789012:key/0123abcd-0123-4567-89ab-0123456789ab"
BUS = "arn:aws:events:us-east-1:999999999999:event-bus/theirs"
BEARER = {"dicomweb": "https://p.example.org", "authorization": "bearer"}
NODE = {"host": "pacs.example.org", "port": 104, "called_ae_title": "PACS", "calling_ae_title": "IMAGING"}
BINDING = {"name": "to-them", "on": "instance", "target": {"queue_arn": QUEUE}}


def read(*bindings, **settings):
    return Configuration.of({"spaces": SPACES, "bindings": list(bindings), **settings}, {}).bindings


def binding(**changes):
    return {**BINDING, **changes}


def copy(name, source, target):
    return binding(name=name, filter={"space": source}, target={"space": target})


def test_nothing_goes_anywhere_unless_it_is_configured():
    assert Configuration.of({"spaces": SPACES}, {}).bindings == ()


def test_a_process_reads_what_was_configured():
    [configured] = read(
        binding(
            on="study",
            filter={"space": "main", "modality": "C?", "calling_ae_title": "CT*", "sop_class_uid": "1.2.840.*"},
        )
    )

    [found] = bindings_of(f"[{configured.setting}]")
    assert (found.name, found.on, found.kind) == ("to-them", Occasion.STUDY, TargetKind.QUEUE)
    assert (found.filter.space, found.filter.modality, found.filter.calling_ae_title) == ("main", "C?", "CT*")
    assert binding_of(configured.document) == found


def test_attributes_are_named_by_keyword_or_tag_and_told_by_tag():
    [configured] = read(
        binding(filter={"attributes": {"InstitutionName": "GENERAL*", "00100020": "A?", "0018103a": "x"}}),
        query_tags=[{"tag": "ImageComments", "level": "instance"}, {"tag": "0018103A", "level": "series", "vr": "LO"}],
    )

    assert configured.filter.patterns["attributes"] == {"00080080": "GENERAL*", "00100020": "A?", "0018103A": "x"}


@pytest.mark.parametrize(
    ("target", "kind"),
    [
        ({"dicomweb": "https://pacs.example.org/dicom-web"}, "dicomweb"),
        ({"dicomweb": "http://127.0.0.1:8042/dicom-web"}, "dicomweb"),
        ({**BEARER, "token_secret_arn": SECRET, "kms_key_arn": KEY}, "dicomweb"),
        ({"dimse": NODE}, "dimse"),
        ({"space": "archive"}, "space"),
        ({"webhook": "https://hook.example.org/imaging", "signing_secret_arn": SECRET}, "webhook"),
        ({"queue_arn": QUEUE}, "queue_arn"),
        ({"queue_arn": QUEUE, "kms_key_arn": KEY}, "queue_arn"),
        ({"event_bus_arn": BUS}, "event_bus_arn"),
    ],
)
def test_leads_to_every_kind_of_target_in_the_processes_words(target, kind):
    [configured] = read(binding(filter={"space": "main"}, target=target))

    found = binding_of(configured.document)
    assert found.kind == configured.target.kind == kind
    assert found.kind.takes_images == configured.target.takes_images
    assert target.items() <= found.target.items()


def test_a_signed_address_lies_in_our_region_unless_it_says_otherwise():
    signed = {"dicomweb": "https://p.example.org", "authorization": "sigv4", "sigv4_service": "execute-api"}

    [ours] = read(binding(target=signed), region="eu-west-1")
    [theirs] = read(binding(target={**signed, "sigv4_region": "us-west-2"}), region="eu-west-1")

    assert ours.target.settings["sigv4_region"] == "eu-west-1"
    assert theirs.target.settings["sigv4_region"] == "us-west-2"


def test_a_pattern_of_spaces_stands_for_those_it_fits():
    [configured] = read(binding(filter={"space": "*a*"}))

    assert configured.filter.spaces == ("main", "research", "archive")
    assert read(binding(filter={"space": "re*"}))[0].filter.spaces == ("research",)
    assert read(binding())[0].filter.spaces == ("main", "research", "archive")


def test_every_binding_hears_of_what_comes_and_of_what_goes():
    assert read(binding(on="instance"))[0].detail_types == ("Instance Stored", "Instance Deleted")
    assert read(binding(on="study"))[0].detail_types == ("Study Revised", "Study Deleted")


def test_copies_may_branch_and_meet_but_not_come_back():
    assert len(read(copy("a", "main", "archive"), copy("b", "research", "archive"), copy("c", "main", "research"))) == 3

    with pytest.raises(ConfigurationError, match=r": archive to main to research to archive\.$"):
        read(copy("a", "main", "research"), copy("b", "research", "archive"), copy("c", "archive", "main"))


def test_a_dimse_node_is_sent_images_in_the_clear_unless_it_speaks_tls():
    def node(**changed):
        return read(binding(target={"dimse": {**NODE, **changed}}))[0].target.settings["dimse"]

    assert Node(**node()) == Node(**NODE)
    assert Node(**node(tls=True)).tls


def test_a_dimse_node_needs_the_network_of_the_dimse_endpoint():
    assert read(binding(target={"dimse": NODE}, concurrency=1))[0].concurrency == 1

    with pytest.raises(ConfigurationError, match=r"^imaging\.dimse must be enabled .* network\.$"):
        read(binding(target={"dimse": NODE}), dimse={"enabled": False})


WRONG_TARGETS = [
    (None, "target"),
    ({}, "target"),
    ({"queue_arn": QUEUE, "event_bus_arn": BUS}, "target"),
    ({"ftp": "ftp://example.org"}, "target"),
    ({"queue_arn": QUEUE, "region": "us-east-1"}, "target.region"),
    ({"queue_arn": "their-queue"}, "target.queue_arn"),
    ({"queue_arn": QUEUE, "kms_key_arn": KEY.replace("key/", "alias/")}, "target.kms_key_arn"),
    ({"event_bus_arn": BUS, "kms_key_arn": KEY}, "target.kms_key_arn"),
    ({"dicomweb": "https://p.example.org", "kms_key_arn": KEY}, "target.kms_key_arn"),
    ({"queue_arn": f"{QUEUE}.fifo"}, "target.queue_arn"),
    ({"queue_arn": QUEUE.replace("us-east-1", "us-west-2")}, "target.queue_arn"),
    ({"event_bus_arn": "default"}, "target.event_bus_arn"),
    ({"event_bus_arn": BUS.replace("us-east-1", "us-west-2")}, "target.event_bus_arn"),
    ({"space": "elsewhere"}, "target.space"),
    ({"webhook": "https://hook.example.org"}, "target.signing_secret_arn"),
    ({"webhook": "http://hook.example.org", "signing_secret_arn": SECRET}, "target.webhook"),
    ({"webhook": "https://hook.example.org", "signing_secret_arn": "secret"}, "target.signing_secret_arn"),
    ({"dicomweb": "http://pacs.example.org"}, "target.dicomweb"),
    ({"dicomweb": "https://pacs.example.org/"}, "target.dicomweb"),
    ({"dicomweb": "https://pacs.example.org/x?y=z"}, "target.dicomweb"),
    ({"dicomweb": "https://me:word@pacs.example.org/x"}, "target.dicomweb"),
    ({"dicomweb": "https://p.example.org", "authorization": "basic"}, "target.authorization"),
    (BEARER, "target.token_secret_arn"),
    ({"dicomweb": "https://p.example.org", "token_secret_arn": SECRET}, "target.token_secret_arn"),
    ({"dicomweb": "https://p.example.org", "authorization": "sigv4"}, "target.sigv4_service"),
    ({"dicomweb": "https://p.example.org", "sigv4_region": "us-east-1"}, "target.sigv4_region"),
    (
        {"dicomweb": "https://p.example.org", "authorization": "sigv4", "sigv4_service": "s3"},
        "target.sigv4_service",
    ),
    ({"dimse": "pacs"}, "target.dimse"),
    ({"dimse": {**NODE, "host": "pacs example"}}, "target.dimse.host"),
    ({"dimse": {**NODE, "port": "104"}}, "target.dimse.port"),
    ({"dimse": {**NODE, "called_ae_title": ""}}, "target.dimse.called_ae_title"),
    ({"dimse": {**NODE, "calling_ae_title": "LONGER THAN SIXTEEN"}}, "target.dimse.calling_ae_title"),
    ({"dimse": {**NODE, "tls": "yes"}}, "target.dimse.tls"),
    ({"dimse": {**NODE, "ae_title": "PACS"}}, "target.dimse.ae_title"),
]
WRONG_FILTERS = [
    ("CT", "filter"),
    ({"modalities": "CT"}, "filter.modalities"),
    ({"modality": ""}, "filter.modality"),
    ({"modality": ["CT"]}, "filter.modality"),
    ({"sop_class_uid": "CT Image Storage"}, "filter.sop_class_uid"),
    ({"space": "elsewhere"}, "filter.space"),
    ({"space": "[m]ain"}, "filter.space"),
    ({"attributes": ["InstitutionName"]}, "filter.attributes"),
    ({"attributes": {"InstitutionNam": "x"}}, "filter.attributes.InstitutionNam"),
    ({"attributes": {"ImageComments": "x"}}, "filter.attributes.ImageComments"),
    ({"attributes": {"ModalitiesInStudy": "CT"}}, "filter.attributes.ModalitiesInStudy"),
    ({"attributes": {"RequestAttributesSequence": "x"}}, "filter.attributes.RequestAttributesSequence"),
    ({"attributes": {"InstitutionName": 1}}, "filter.attributes.InstitutionName"),
    ({"attributes": {"InstitutionName": "a", "00080080": "b"}}, "filter.attributes"),
]


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        *(({"target": target}, key) for target, key in WRONG_TARGETS),
        *(({"filter": wanted}, key) for wanted, key in WRONG_FILTERS),
        ({"name": "To them"}, "name"),
        ({"name": None}, "name"),
        ({"on": "series"}, "on"),
        ({"on": None}, "on"),
        ({"concurrency": 1}, "concurrency"),
        ({"concurrency": 101}, "concurrency"),
        ({"filters": {}}, "filters"),
        ({"target": {"space": "research"}}, "filter.space"),
    ],
)
def test_names_the_key_that_is_wrong_in_one_sentence(changes, key):
    with pytest.raises(ConfigurationError) as raised:
        read(BINDING | {"name": "first"}, binding(**changes))

    sentence = str(raised.value)
    assert sentence.startswith(f"imaging.bindings[1].{key} ")
    assert sentence.endswith(".")
    assert "\n" not in sentence


@pytest.mark.parametrize(
    "bindings",
    [
        {"to-them": BINDING},
        [BINDING, BINDING],
        [{**BINDING, "name": f"b{number}"} for number in range(41)],
        [BINDING, "to-them"],
    ],
)
def test_says_of_the_list_what_is_wrong_with_it(bindings):
    with pytest.raises(ConfigurationError, match=r"^imaging\.bindings.* must .*\.$"):
        Configuration.of({"spaces": SPACES, "bindings": bindings}, {})


def test_nodes_take_no_more_associations_together_than_one_task_bears():
    def node(name, concurrency):
        return binding(name=name, target={"dimse": NODE}, concurrency=concurrency)

    assert len(read(node("a", 10), node("b", 6), binding(name="c", concurrency=100))) == 3
    with pytest.raises(
        ConfigurationError, match=r"^imaging\.bindings must .* at most 16 over all .* DIMSE nodes, .*\.$"
    ):
        read(node("a", 10), node("b", 7))


def test_no_binding_is_larger_than_a_functions_environment_holds():
    names = (
        *("InstitutionName", "StationName", "Manufacturer", "ProtocolName", "StudyDescription", "PatientName"),
        *("PatientID", "AccessionNumber", "StudyID", "SeriesDescription", "BodyPartExamined", "PatientSex"),
        *("ReferringPhysicianName", "OperatorsName", "ManufacturerModelName", "Laterality", "ImageType"),
        *("ContentLabel", "ContentDescription", "DocumentTitle", "RequestingService", "PatientAge", "StudyDate"),
    )
    attributes = dict.fromkeys(names, "x" * 64)

    with pytest.raises(ConfigurationError, match=r"^imaging\.bindings\[0\] must have at most 1800 characters"):
        read(binding(filter={"attributes": attributes}))
