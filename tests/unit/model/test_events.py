import json
from importlib.resources import files

import pytest
from jsonschema import Draft202012Validator, ValidationError

from imaging.model.completion import CompletionReason
from imaging.model.events import Event, RevisionCounts, instance_changed, study_revised
from imaging.model.identifiers import InstanceKey, StudyKey
from imaging.model.instance import Action
from imaging.model.links import Links

KEY = InstanceKey("main", "1.2", "1.2.3", "1.2.3.4")
LINKS = Links("https://imaging.example.org")
COUNTS = RevisionCounts(series=1, instances=2, additions=2, modifications=0, deletions=1)
GONE = RevisionCounts(series=0, instances=0, additions=0, modifications=0, deletions=2)


def changed(action: Action) -> Event:
    return instance_changed(KEY, action, 3, LINKS.instance(KEY))


def revised(counts: RevisionCounts) -> Event:
    return study_revised(KEY.study, 7, counts, CompletionReason.LONGEST_WAIT, LINKS.revision(KEY.study, 7))


EVENTS = {
    "Instance Stored": changed(Action.CREATE),
    "Instance Deleted": changed(Action.DELETE),
    "Study Revised": revised(COUNTS),
    "Study Deleted": revised(GONE),
}


def validate(event: Event) -> None:
    name = event.detail_type.lower().replace(" ", "_")
    schema = json.loads((files("imaging.model") / "schemas" / f"{name}.json").read_text())
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER).validate(event.detail)


@pytest.mark.parametrize("detail_type", EVENTS)
def test_every_kind_is_valid_under_its_schema(detail_type):
    event = EVENTS[detail_type]
    assert event.detail_type == detail_type
    validate(event)


def test_a_replaced_instance_is_told_as_stored():
    event = changed(Action.UPDATE)
    assert (event.detail_type, event.detail["change"]) == ("Instance Stored", "update")
    validate(event)


def test_an_event_of_a_study_has_the_fields_of_the_contract():
    assert EVENTS["Study Revised"].detail == {
        "version": 1,
        "space": "main",
        "study": "1.2",
        "href": "https://imaging.example.org/spaces/main/studies/1.2/revisions/7",
        "revision": 7,
        "reason": "longest-wait",
        "series": 1,
        "instances": 2,
        "additions": 2,
        "modifications": 0,
        "deletions": 1,
    }


def test_a_study_without_instances_is_told_as_deleted_with_the_same_fields():
    assert EVENTS["Study Deleted"].detail.keys() == EVENTS["Study Revised"].detail.keys()


def test_an_event_of_an_instance_has_the_fields_of_the_contract():
    assert EVENTS["Instance Stored"].detail == {
        "version": 1,
        "space": "main",
        "study": "1.2",
        "href": "https://imaging.example.org/spaces/main/studies/1.2/series/1.2.3/instances/1.2.3.4",
        "series": "1.2.3",
        "instance": "1.2.3.4",
        "change_number": 3,
        "change": "create",
    }


@pytest.mark.parametrize("detail_type", EVENTS)
def test_no_schema_lets_another_field_through(detail_type):
    event = EVENTS[detail_type]
    with pytest.raises(ValidationError, match="Additional properties"):
        validate(Event(detail_type, {**event.detail, "PatientName": "Doe^Jane"}))


@pytest.mark.parametrize("detail_type", EVENTS)
def test_every_field_is_required(detail_type):
    event = EVENTS[detail_type]
    for field in event.detail:
        with pytest.raises(ValidationError, match="required"):
            validate(Event(detail_type, {name: value for name, value in event.detail.items() if name != field}))


def test_what_is_no_uid_is_refused():
    event = study_revised(StudyKey("main", "../1"), 1, COUNTS, CompletionReason.QUIET, LINKS.space("main"))
    with pytest.raises(ValidationError, match="does not match"):
        validate(event)
