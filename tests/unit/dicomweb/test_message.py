import json

from imaging.dicomweb.message import MAX_BODY_BYTES, Request, error_response, json_bytes

LAMBDA_RESPONSE_BYTES = 6_000_000


def test_a_body_of_the_greatest_size_fits_into_what_lambda_answers() -> None:
    assert MAX_BODY_BYTES * 4 / 3 + 100_000 <= LAMBDA_RESPONSE_BYTES


def test_writes_json_in_unicode() -> None:
    assert json_bytes({"name": "山田"}) == '{"name":"山田"}'.encode()


def test_the_query_may_say_what_the_client_accepts() -> None:
    headers = {"accept": "text/html"}
    assert Request("/", [("accept", "application/dicom")], headers).accept == "application/dicom"
    assert Request("/", [("limit", "1")], headers).accept == "text/html"
    assert Request("/").accept == ""


def test_an_error_is_one_sentence_in_json() -> None:
    response = error_response(404, "There is none.")
    assert response.headers["Content-Type"] == "application/json"
    assert json.loads(response.body) == {"error": "There is none."}
