"""Whether instances are safe: their manifest entries and the object versions that those speak of, PS3.4 Annex J."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from imaging.model.commitment import SopReference, Verdict
from imaging.model.identifiers import InstanceKey
from imaging.model.instance import Instance
from imaging.ports.catalogue import Catalogue, StudyContents
from imaging.ports.objects import ObjectStore

_SIDE_BY_SIDE = 4  # calls for one request: eight requests are looked at together, over 32 connections
_LOOKED_UP_TOGETHER = 50


class InstanceCatalogue(Catalogue, StudyContents, Protocol):
    """What it reads of the manifest."""


class VerifyCommitment:
    """Looks at every instance anew, whoever has looked before."""

    def __init__(self, catalogue: InstanceCatalogue, objects: ObjectStore) -> None:
        self._catalogue = catalogue
        self._objects = objects

    def __call__(self, space: str, references: Sequence[SopReference]) -> Mapping[SopReference, Verdict]:
        """Judge instances by what is true now.

        Parameters
        ----------
        references
            Of any studies; faster in the order of their series.

        Raises
        ------
        Unavailable
            Manifest or bucket do not answer: nothing is known of any of them.
        """
        uids = [reference.sop_instance_uid for reference in references]
        portions = [uids[first : first + _LOOKED_UP_TOGETHER] for first in range(0, len(uids), _LOOKED_UP_TOGETHER)]
        instances: dict[str, list[Instance]] = defaultdict(list)
        with ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
            for found in pool.map(lambda portion: self._find(space, portion), portions):
                for instance in found:
                    instances[instance.key.sop_instance_uid].append(instance)
            verdicts = pool.map(
                lambda reference: self._judge(reference, instances.get(reference.sop_instance_uid, [])), references
            )
            return dict(zip(references, verdicts, strict=True))

    def _find(self, space: str, sop_instance_uids: Sequence[str]) -> list[Instance]:
        """Their rows; where one is, the others are looked for first: they mostly are of one series."""
        left, found = list(sop_instance_uids), []
        while left:
            places = self._catalogue.locate(space, left[0])
            wanted = {
                InstanceKey(space, place.study.study_instance_uid, place.series_instance_uid, uid)
                for place in places
                for uid in (left if place is places[0] else left[:1])
            }
            here = self._catalogue.read_instances_at(sorted(wanted)) if wanted else []
            found += here
            met = {left[0], *(instance.key.sop_instance_uid for instance in here)}
            left = [uid for uid in left if uid not in met]
        return found

    def _judge(self, reference: SopReference, instances: Sequence[Instance]) -> Verdict:
        of_class = [instance for instance in instances if instance.sop_class_uid == reference.sop_class_uid]
        if instances and not of_class:
            return Verdict.OTHER_CLASS
        return Verdict.COMMITTED if any(map(self._is_stored, of_class)) else Verdict.MISSING

    def _is_stored(self, instance: Instance) -> bool:
        """Whether the current object is the version that the row speaks of; else it waits for being indexed."""
        stored = self._objects.head(instance.key.space, instance.key.object_key)
        return stored is not None and stored.version_id == instance.version_id
