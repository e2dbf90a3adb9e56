"""What is kept of requests, however many there were."""

from itertools import pairwise

from imaging.dimse.operations import MAX_LATENCIES, Operations


def test_few_requests_are_kept_all():
    requests = Operations()
    for seconds, status in ((0.1, 0), (0.2, 0xA700), (0.3, None)):
        requests.add(seconds, status)
    assert requests.latencies_seconds == [0.1, 0.2, 0.3]
    assert (requests.count, dict(requests.statuses)) == (3, {0: 1, 0xA700: 1, None: 1})


def test_of_many_some_from_every_part_are():
    requests = Operations()
    for number in range(100_000):
        requests.add(float(number), 0)
    kept = requests.latencies_seconds
    steps = {later - earlier for earlier, later in pairwise(kept)}
    assert requests.count == 100_000
    assert MAX_LATENCIES / 2 <= len(kept) <= MAX_LATENCIES
    assert len(steps) == 1
    assert kept[0] == 0
    assert kept[-1] + steps.pop() >= 100_000
