"""Retrieve instances as they were stored, byte for byte."""

import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from imaging.errors import Unavailable
from imaging.model.instance import Instance
from imaging.ports.catalogue import StudyContents
from imaging.ports.objects import ObjectLinks, ObjectStore
from imaging.reading.matching import values_of
from imaging.reading.target import Target

_SIDE_BY_SIDE = 16
_ADDRESS_SECONDS = 300  # long enough to be redirected, too short to be passed on
_INSTANCE_NUMBER = "00200013"


class RetrieveInstances:
    """Finds what a target holds, and fetches it."""

    def __init__(self, contents: StudyContents, objects: ObjectStore, links: ObjectLinks) -> None:
        self._contents = contents
        self._objects = objects
        self._links = links

    def find(self, target: Target) -> list[Instance]:
        """The target's instances, series by series, each in the order of its instance numbers.

        Raises
        ------
        Rejected
            `NO_SUCH_RESOURCE` if there are none.
        """
        found = sorted(target.instances(self._contents), key=_place)
        if not found:
            raise target.not_found()
        return found

    def fetch(self, instances: Sequence[Instance]) -> list[bytes]:
        """The bytes of the versions that the rows speak of, in their order."""
        with ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
            return list(pool.map(self._fetch, instances))

    def signed_address(self, instance: Instance, content_type: str) -> str:
        """Where the client can fetch one instance by itself, for a few minutes."""
        return self._links.signed_address(
            instance.key.space, instance.key.object_key, instance.version_id, content_type, _ADDRESS_SECONDS
        )

    def _fetch(self, instance: Instance) -> bytes:
        found = self._objects.read(instance.key.space, instance.key.object_key, version_id=instance.version_id)
        if found is None:
            raise Unavailable("An instance was replaced while it was read; ask again.")
        return found[1]


def _place(instance: Instance) -> tuple[str, int, str]:
    """Series UID, instance number, instance UID; without a number at the end of the series."""
    numbers = values_of(instance.attributes, _INSTANCE_NUMBER)
    number = int(numbers[0]) if numbers and numbers[0].lstrip("+-").isdecimal() else sys.maxsize
    return instance.key.series_instance_uid, number, instance.key.sop_instance_uid
