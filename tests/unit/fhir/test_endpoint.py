from imaging.fhir.endpoint import CONNECTION_TYPE, ELEMENTS, endpoints
from imaging.fhir.identity import endpoint_id
from imaging.fhir.merging import renewed
from imaging.fhir.policy import PublishingPolicy
from imaging.fhir.validation import checked
from tests.unit.fhir.samples import LINKS

VIEWER = "https://viewer.example.org/IHEInvokeImageDisplay"
WHOLE = PublishingPolicy(managing_organization="Organization/radiology", invoke_image_display=VIEWER)


def test_its_address_is_the_dicomweb_root_of_the_space():
    (retrieve,) = endpoints("research", LINKS, PublishingPolicy())
    assert checked(retrieve) == {
        "resourceType": "Endpoint",
        "id": endpoint_id("research"),
        "status": "active",
        "connectionType": {"system": CONNECTION_TYPE, "code": "dicom-wado-rs"},
        "name": "DICOM WADO-RS of research",
        "payloadType": [{"text": "DICOM WADO-RS"}],
        "payloadMimeType": ["application/dicom"],
        "address": "https://imaging.example.org/spaces/research",
    }


def test_the_viewer_stands_behind_it_where_one_is_configured():
    retrieve, display = endpoints("research", LINKS, WHOLE)
    assert retrieve["connectionType"]["code"] == "dicom-wado-rs"
    assert checked(display) == {
        "resourceType": "Endpoint",
        "id": endpoint_id("research", "ihe-iid"),
        "status": "active",
        "connectionType": {"system": CONNECTION_TYPE, "code": "ihe-iid"},
        "name": "IHE Invoke Image Display of research",
        "managingOrganization": {"reference": "Organization/radiology"},
        "payloadType": [{"text": "IHE Invoke Image Display"}],
        "address": VIEWER,
    }


def test_a_display_that_each_space_has_of_its_own_is_named_by_the_space():
    policy = PublishingPolicy(invoke_image_display="https://imaging.example.org/spaces/{space}/IHEInvokeImageDisplay")
    _, display = endpoints("research", LINKS, policy)
    assert display["address"] == "https://imaging.example.org/spaces/research/IHEInvokeImageDisplay"


def test_every_element_that_the_mapping_gives_is_declared_ours():
    given = {name for endpoint in endpoints("main", LINKS, WHOLE) for name in endpoint}
    assert given - {"resourceType", "id", "managingOrganization"} == set(ELEMENTS)


def test_who_manages_it_stays_where_none_is_configured():
    (ours,) = endpoints("main", LINKS, PublishingPolicy())
    managed = {**ours, "managingOrganization": {"reference": "Organization/1"}}
    assert renewed(managed, ours, ELEMENTS) == managed
