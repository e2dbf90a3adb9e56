"""Extended query tags: what is stored already is indexed by a tag that is configured later."""

import random
from typing import Any

import httpx
import pytest

from imaging.aws.rows import instance_row_key, of_item, packed, series_row_key, to_item, unpacked
from imaging.model.identifiers import InstanceKey
from tests.flow.client import Client, eventually, instances_of, new_study
from tests.flow.test_left_work import sweep

COMMENTS, PRIVATE = "00204000", "00111001"


def searched(client: Client, resource: str, **parameters: str) -> httpx.Response:
    return client.http.get(f"{client.system.dicomweb('research')}/{resource}", params=parameters)


def found(client: Client, resource: str, tag: str, **parameters: str) -> list[str]:
    answer = searched(client, resource, **parameters)
    return [match[tag]["Value"][0] for match in answer.json()] if answer.status_code == httpx.codes.OK else []


@pytest.fixture
def manifest(client: Client) -> Any:
    return client.aws("dynamodb")


def forget_the_tags(client: Client, manifest: Any, keys: list[InstanceKey]) -> None:
    """Leave the rows as they were written before anybody knew of the tags."""
    table = client.system.endpoints["aws"]["manifest_table"]
    for row_key in [
        *map(instance_row_key, keys),
        *(series_row_key(key.study, key.series_instance_uid) for key in keys[:1]),
    ]:
        row = of_item(manifest.get_item(TableName=table, Key=to_item(row_key), ConsistentRead=True)["Item"])
        kept = {tag: value for tag, value in unpacked(row["attributes"]).items() if tag not in (COMMENTS, PRIVATE)}
        manifest.put_item(TableName=table, Item=to_item({**row, "attributes": packed(kept)}))
    manifest.delete_item(TableName=table, Key=to_item({"pk": "QUERY_TAGS#research", "sk": "QUERY_TAGS"}))


def test_what_was_stored_before_is_found_when_the_sweeper_has_been_there(client: Client, manifest: Any) -> None:
    keys = new_study(space="research", instances=2)
    study, series = keys[0].study_instance_uid, keys[0].series_instance_uid
    noise = random.Random(1).randbytes(20_000).hex()  # metadata that lies beside its instance
    parts = [
        *instances_of(keys[:1], ImageComments="bright spot"),
        *instances_of(keys[1:], ImageComments="dark", TextComments=noise),
    ]
    assert client.stow(parts, space="research").status_code == httpx.codes.OK
    client.wait_for_revision(keys[0], 1)
    eventually("searchable", lambda: found(client, f"studies/{study}/instances", "00080018", ImageComments="dark"))

    forget_the_tags(client, manifest, keys)
    refused = eventually(
        "not searchable",
        lambda: (
            (answer := searched(client, "instances", ImageComments="bright*")).status_code == httpx.codes.BAD_REQUEST
            and answer
        ),
    )
    assert "%" in refused.json()["error"]

    def is_indexed() -> list[str]:
        sweep(client)
        return found(client, "instances", "00080018", ImageComments="bright*", StudyInstanceUID=study)

    assert eventually("searchable again", is_indexed) == [keys[0].sop_instance_uid]
    matched = searched(client, f"studies/{study}/series/{series}/instances", **{COMMENTS: "dark"}).json()
    assert [match[COMMENTS]["Value"] for match in matched] == [["dark"]]
    assert client.revisions(keys[0])[1:] == [], "indexing is no change"
