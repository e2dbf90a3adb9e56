"""What a client does with a study by DIMSE."""

from collections.abc import Callable
from functools import partial

from tests.bench.dcmtk_client import DcmtkClient
from tests.bench.floor import REPEATS
from tests.bench.measurement import Operation
from tests.bench.synthetic_studies import Study


def send(program: str, *, no_delay: bool) -> Callable[[DcmtkClient, Study], list[Operation]]:
    """Store it over one association, as `DcmtkClient.send`."""

    def operations(client: DcmtkClient, study: Study) -> list[Operation]:
        return [partial(client.send, program, study, no_delay=no_delay)]

    return operations


def find_study(client: DcmtkClient, study: Study) -> list[Operation]:
    """C-FIND at the level of studies."""
    keys = ["QueryRetrieveLevel=STUDY", f"StudyInstanceUID={study.study_instance_uid}", "NumberOfStudyRelatedInstances"]
    return [partial(client.find, keys, 1)] * REPEATS


def find_instances(client: DcmtkClient, study: Study) -> list[Operation]:
    """C-FIND at the level of images, of all that there are."""
    first = study.keys[0]
    keys = [
        *("QueryRetrieveLevel=IMAGE", f"StudyInstanceUID={first.study_instance_uid}"),
        *(f"SeriesInstanceUID={first.series_instance_uid}", "SOPInstanceUID", "InstanceNumber"),
    ]
    return [partial(client.find, keys, len(study.keys))] * REPEATS


def get_study(client: DcmtkClient, study: Study) -> list[Operation]:
    """C-GET."""
    return [partial(client.get, study)]


def move_study(client: DcmtkClient, study: Study) -> list[Operation]:
    """C-MOVE."""
    return [partial(client.move, study)]
