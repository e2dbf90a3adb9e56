import re
from xml.etree import ElementTree as ET

from imaging.dicomweb.capabilities import capabilities_description

WADL = {"wadl": "http://wadl.dev.java.net/2009/02"}


def resources(element: ET.Element, path: str = "") -> dict[str, set[str]]:
    """Every path that is described, with its methods."""
    found = {}
    for resource in element.findall("wadl:resource", WADL):
        below = f"{path}/{resource.get('path')}"
        found[below] = {method.get("name", "") for method in resource.findall("wadl:method", WADL)}
        found |= resources(resource, below)
    return found


def described() -> ET.Element:
    application = ET.fromstring(capabilities_description("https://imaging.example.org/spaces/main"))
    found = application.find("wadl:resources", WADL)
    assert found is not None
    return found


def test_describes_the_resources_of_annex_h_below_the_space() -> None:
    assert described().get("base") == "https://imaging.example.org/spaces/main"
    found = resources(described())
    study = "/studies/{StudyInstance}"
    instance = f"{study}/series/{{SeriesInstance}}/instances/{{SOPInstance}}"
    assert found["/studies"] == {"GET", "POST"}
    assert found[study] == {"GET", "POST", "DELETE"}
    for level in (study, f"{study}/series/{{SeriesInstance}}", instance):
        for resource in ("metadata", "rendered", "thumbnail", "bulkdata", "pixeldata"):
            assert found[f"{level}/{resource}"] == {"GET"}
    assert found[f"{instance}/frames/{{frames}}/rendered"] == {"GET"}


def test_every_method_has_a_name_of_its_own_and_says_what_it_answers() -> None:
    methods = described().findall(".//wadl:method", WADL)
    names = [method.get("id", "") for method in methods]
    assert len(names) == len(set(names))
    assert all(re.fullmatch("[A-Z][A-Za-z]+", name) for name in names)
    for method in methods:
        if method.get("name") == "GET":
            assert method.findall("wadl:response/wadl:representation", WADL), method.get("id")
