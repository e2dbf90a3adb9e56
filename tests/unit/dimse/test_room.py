"""Who fills up the room leaves some for others."""

from imaging.dimse.room import Room


def test_there_are_so_many_places_and_not_all_of_them_for_one_address():
    room = Room(places=5, kept_for_others=2)
    assert [room.enter("192.0.2.1") for _ in range(4)] == [True, True, True, False]
    assert [room.enter("192.0.2.2") for _ in range(3)] == [True, True, False]
    room.leave("192.0.2.2")
    assert not room.enter("192.0.2.1")
    assert room.enter("192.0.2.3")


def test_a_place_that_was_left_is_taken_again():
    room = Room(places=2, kept_for_others=1)
    for _ in range(10):
        assert room.enter("192.0.2.1")
        assert not room.enter("192.0.2.1")
        room.leave("192.0.2.1")
    assert [room.enter(f"192.0.2.{number}") for number in (1, 2, 3)] == [True, True, False]
