"""The change feed of the running system, read while fifty write; and what becomes of its rows afterwards."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from tests.flow.client import eventually, instances_of, new_study

WRITERS = 50
INSTANCES = 3


class Reader:
    """Goes on from the last number it saw, as a subscriber of the feed does."""

    def __init__(self, client, space: str) -> None:
        self._http = client.http
        self._address = f"{client.system.dicomweb(space)}/changefeed"
        latest = self._http.get(f"{self._address}/latest")
        self.begins_after = self.last = latest.json()["sequence"] if latest.status_code == 200 else 0
        self.rows = []

    def poll(self) -> None:
        answer = self._http.get(self._address, params={"offset": self.last, "limit": 200})
        assert answer.status_code == 200, answer.text
        self.rows += answer.json()
        self.last = self.rows[-1]["sequence"] if self.rows else self.begins_after

    def again(self, **parameters) -> list:
        answer = self._http.get(self._address, params={"offset": self.begins_after, "limit": 200, **parameters})
        return answer.json()

    def of(self, keys) -> list[tuple[str, str]]:
        """What happened to these, in the order told."""
        uids = {key.sop_instance_uid for key in keys}
        return [(row["sopInstanceUid"], row["action"]) for row in self.rows if row["sopInstanceUid"] in uids]


def test_a_reader_that_goes_on_from_the_last_number_misses_nothing_while_fifty_write(client):
    studies = [new_study("research", instances=INSTANCES) for _ in range(WRITERS)]
    keys = [key for study in studies for key in study]
    reader, s3, bucket = Reader(client, "research"), client.aws("s3"), client.bucket("research")
    begins = datetime.now(UTC)

    def write(study):
        for number, part10 in enumerate(instances_of(study)):
            s3.put_object(Bucket=bucket, Key=f"incoming/{study[0].study_instance_uid}/{number}", Body=part10)

    def all_are_told():
        reader.poll()
        return len(reader.of(keys)) >= len(keys)

    with ThreadPoolExecutor(WRITERS) as pool:
        writing = threading.Thread(target=lambda: list(pool.map(write, studies)))
        writing.start()
        eventually("all are told", all_are_told, seconds=240)
        writing.join()

    assert Counter(reader.of(keys)) == Counter((key.sop_instance_uid, "create") for key in keys)
    numbers = [row["sequence"] for row in reader.rows]
    assert numbers == list(range(reader.begins_after + 1, reader.begins_after + 1 + len(numbers)))
    assert reader.again(starttime=begins.isoformat()) == reader.rows[:200]
    check_spaces(client, "research")


def test_a_row_of_the_feed_says_what_has_become_of_the_instance_since(client):
    first, second = keys = new_study("research", instances=2)
    reader = Reader(client, "research")

    def happened(expected):
        reader.poll()
        return reader.of(keys) == expected

    told = [(first.sop_instance_uid, "create"), (second.sop_instance_uid, "create")]
    client.stow(instances_of([first]), "research")
    eventually("the first is told", lambda: happened(told[:1]))
    client.stow(instances_of([second]), "research")
    eventually("the second is told", lambda: happened(told))
    client.stow(instances_of([first], PatientComments="replaced"), "research")
    told.append((first.sop_instance_uid, "update"))
    eventually("the replacement is told", lambda: happened(told))
    series = f"/series/{first.series_instance_uid}/instances"
    client.delete(first, below_study=f"{series}/{first.sop_instance_uid}")
    told.append((first.sop_instance_uid, "delete"))
    eventually("the deletion is told", lambda: happened(told))
    assert states_of(reader, first) == ["deleted"] * 3
    client.stow(instances_of([first]), "research")
    told.append((first.sop_instance_uid, "create"))
    eventually("it is told that it is there again", lambda: happened(told))

    assert states_of(reader, first) == ["replaced", "replaced", "replaced", "current"]
    assert states_of(reader, second) == ["current"]
    with_metadata = [
        row for row in reader.again(includemetadata="true") if row["studyInstanceUid"] == first.study_instance_uid
    ]
    assert ["metadata" in row for row in with_metadata] == [True, True, True, False, True]
    assert [row["metadata"].get("00104000", {}).get("Value") for row in with_metadata[:3]] == [None, None, ["replaced"]]
    check_spaces(client, "research")


def states_of(reader: Reader, key) -> list[str]:
    return [row["state"] for row in reader.again() if row["sopInstanceUid"] == key.sop_instance_uid]


def check_spaces(client, space: str) -> None:
    """What all spaces hold is what their feeds add up to."""

    def counted():
        everything, last = [], 0
        while page := client.http.get(
            f"{client.system.dicomweb(space)}/changefeed", params={"offset": last, "limit": 200}
        ).json():
            everything, last = everything + page, page[-1]["sequence"]
        current = [row for row in everything if row["state"] == "current"]
        return {
            "studies": len({row["studyInstanceUid"] for row in current}),
            "series": len({(row["studyInstanceUid"], row["seriesInstanceUid"]) for row in current}),
            "instances": len(current),
        }

    def agree():
        entries = {entry["space"]: entry for entry in client.http.get(f"{client.system.front}/spaces").json()}
        return {name: entries[space][name] for name in ("studies", "series", "instances")} == counted()

    eventually("the counts of the space are those of its feed", agree)
