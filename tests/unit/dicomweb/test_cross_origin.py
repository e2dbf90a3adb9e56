"""The CORS protocol of the Fetch Standard, as a browser would judge it."""

from imaging.dicomweb.cross_origin import ANY_ORIGIN, CrossOrigin
from imaging.dicomweb.message import Response

VIEWER = "https://viewer.example.org"
ASKED_BEFORE = {"origin": VIEWER, "access-control-request-method": "GET", "access-control-request-headers": "range"}


def listed(value: str) -> set[str]:
    return {word.strip().lower() for word in value.split(",")}


def test_is_not_spoken_unless_it_is_configured() -> None:
    silent = CrossOrigin([])
    response = Response(200, {"Vary": "Accept"}, b"body")
    assert silent.answered({"origin": VIEWER}, response) is response
    assert silent.preflight("OPTIONS", ASKED_BEFORE) is None


def test_a_named_origin_may_read() -> None:
    headers = CrossOrigin([VIEWER, "http://localhost:3000"]).headers({"origin": VIEWER})
    assert headers["Access-Control-Allow-Origin"] == VIEWER
    assert headers["Vary"] == "Origin"
    exposed = listed(headers["Access-Control-Expose-Headers"])
    assert {"content-type", "content-length", "content-range", "content-location"} <= exposed
    assert {"etag", "link", "location", "warning"} <= exposed


def test_another_origin_and_none_at_all_vary_too_and_may_not_read() -> None:
    named = CrossOrigin([VIEWER])
    for headers in ({}, {"origin": "https://viewer.example.org.evil"}, {"origin": "null"}, {"origin": ""}):
        assert named.headers(headers) == {"Vary": "Origin"}
        assert named.answered(headers, Response(200)).headers == {"Vary": "Origin"}


def test_any_origin_may_read_where_all_may() -> None:
    headers = CrossOrigin([ANY_ORIGIN]).headers({"origin": VIEWER})
    assert headers["Access-Control-Allow-Origin"] == "*"
    assert "Vary" not in headers


def test_nobody_is_asked_for_credentials() -> None:
    for origins in ([VIEWER], [ANY_ORIGIN]):
        preflight = CrossOrigin(origins).preflight("OPTIONS", ASKED_BEFORE)
        assert preflight
        names = {*preflight.headers, *CrossOrigin(origins).headers({"origin": VIEWER})}
        assert "Access-Control-Allow-Credentials" not in names


def test_an_answer_keeps_what_it_varies_by_and_all_else() -> None:
    response = Response(404, {"Vary": "Accept, Accept-Encoding", "ETag": '"1"'}, b"body")
    answered = CrossOrigin([VIEWER]).answered({"origin": VIEWER}, response)
    assert (answered.status, answered.body, answered.headers["ETag"]) == (404, b"body", '"1"')
    assert answered.headers["Vary"] == "Accept, Accept-Encoding, Origin"
    assert answered.headers["Access-Control-Allow-Origin"] == VIEWER


def test_a_preflight_is_told_what_clients_of_dicomweb_need() -> None:
    preflight = CrossOrigin([VIEWER]).preflight("OPTIONS", ASKED_BEFORE)
    assert preflight
    assert (preflight.status, preflight.body) == (204, b"")
    assert preflight.headers["Access-Control-Allow-Origin"] == VIEWER
    assert listed(preflight.headers["Access-Control-Allow-Methods"]) == {"get", "head", "post", "delete", "options"}
    allowed = listed(preflight.headers["Access-Control-Allow-Headers"])
    assert {"accept", "authorization", "content-type", "range", "if-none-match", "if-range"} <= allowed
    assert {"x-amz-date", "x-amz-security-token", "x-amz-content-sha256"} <= allowed


def test_a_preflight_of_another_origin_is_told_nothing() -> None:
    preflight = CrossOrigin([VIEWER]).preflight("OPTIONS", {**ASKED_BEFORE, "origin": "https://elsewhere.example"})
    assert preflight
    assert preflight.headers == {"Vary": "Origin"}


def test_only_a_question_before_a_request_is_a_preflight() -> None:
    named = CrossOrigin([VIEWER])
    assert named.preflight("GET", ASKED_BEFORE) is None
    assert named.preflight("OPTIONS", {"origin": VIEWER}) is None
    assert named.preflight("OPTIONS", {"access-control-request-method": "GET"}) is None
