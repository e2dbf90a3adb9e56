"""What `imaging.viewer` may say."""

import pytest

from infra.config import Configuration
from infra.section import ConfigurationError
from infra.viewer_config import NEEDS_A_GATEWAY, NEEDS_AN_ADDRESS, ViewerConfiguration

SETTINGS = {"spaces": [{"name": "main", "ae_title": "MAIN"}], "local": True}
FRONT = "https://imaging.example.org"
STUDIES = "StudyInstanceUIDs={studies}"


def viewer_of(**settings):
    return Configuration.of({**SETTINGS, "gateway": {}, "public_base_address": FRONT, **settings}, {}).viewer


def template_of(template):
    return viewer_of(viewer={"url_template": template}).url_template


def test_is_ohif_at_the_public_address_where_there_is_a_gateway():
    viewer = viewer_of()

    assert viewer == ViewerConfiguration()
    assert viewer.is_ohif
    assert viewer.address_template(FRONT) == f"{FRONT}/viewer/viewer/{{space}}?{STUDIES}&SeriesInstanceUIDs={{series}}"


def test_is_none_without_a_gateway_or_where_the_settings_say_so():
    assert viewer_of(viewer="none") is None
    assert viewer_of(gateway="none") is None
    assert viewer_of(viewer="none", public_base_address="") is None


def test_what_cannot_be_reached_is_refused_with_the_way_out():
    with pytest.raises(ConfigurationError) as refused:
        viewer_of(gateway="none", viewer={"embedded_in": []})
    assert str(refused.value) == NEEDS_A_GATEWAY
    with pytest.raises(ConfigurationError) as refused:
        viewer_of(public_base_address="")
    assert str(refused.value) == NEEDS_AN_ADDRESS


@pytest.mark.parametrize(
    "template",
    [
        f"https://viewer.example.org/open?{STUDIES}&server={{dicomweb}}",
        f"https://viewer.example.org/{{space}}#{STUDIES}/{{series}}",
        "weasis://%24dicom%3Ars%20--url%20%22{dicomweb}%22%20-r%20%22studyUID%3D{studies}%22",
        f"http://127.0.0.1:3000/viewer?{STUDIES}",
    ],
)
def test_another_viewer_is_an_address_with_the_studies_in_it(template):
    assert template_of(template) == template
    assert not viewer_of(viewer={"url_template": template}).is_ohif


@pytest.mark.parametrize(
    "template",
    [
        "https://viewer.example.org/open",
        f"http://viewer.example.org/open?{STUDIES}",
        "https://{studies}.example.org/",
        "https://viewer.example.org{studies}/",
        "javascript:open('{studies}')",
        "data:text/html,{studies}",
        "file:///{studies}",
        f"//viewer.example.org/?{STUDIES}",
        f"/viewer?{STUDIES}",
        f"https://viewer.example.org/?{STUDIES}&patient={{patient}}",
        f"https://viewer.example.org/?{STUDIES}&x={{",
        f"https://viewer.example.org/?{STUDIES}&x=}}",
        f"https://viewer.example.org/?{STUDIES}&x={{{{series}}}}",
        f"https://viewer.example.org/?{STUDIES}\r\nSet-Cookie: a=b",
        f"https://viewer.example.org/?{STUDIES}\n",
        f"https://viewer.example.org/?{STUDIES} ",
        f'https://viewer.example.org/?{STUDIES}"',
        7,
    ],
)
def test_any_other_template_is_refused_by_its_key(template):
    with pytest.raises(ConfigurationError, match=r"^imaging\.viewer\.url_template must be an address "):
        template_of(template)


def test_who_may_frame_it_is_a_list_of_origins():
    origins = ["https://ehr.example.org", "https://ehr.example.org:8443", "http://localhost:8000"]
    assert viewer_of(viewer={"embedded_in": origins}).embedded_in == tuple(origins)


@pytest.mark.parametrize(
    "origin",
    [
        "*",
        "https://*",
        "http://ehr.example.org",
        "https://ehr.example.org/",
        "https://ehr.example.org; script-src *",
        "",
    ],
)
def test_what_is_no_origin_frames_nothing(origin):
    with pytest.raises(ConfigurationError, match=r"^imaging\.viewer\.embedded_in must be a list of origins "):
        viewer_of(viewer={"embedded_in": [origin]})
