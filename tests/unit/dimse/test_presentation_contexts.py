"""What is accepted of what a peer proposes: contexts, transfer syntaxes, roles, options."""

from collections.abc import Sequence
from typing import Any

import pytest
from pydicom import Dataset
from pydicom.uid import (
    MPEG4HP41,
    CTImageStorage,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    MRImageStorage,
    RLELossless,
    VideoEndoscopicImageStorage,
)
from pynetdicom import AE, build_context, build_role
from pynetdicom.association import Association
from pynetdicom.dimse_primitives import C_FIND, C_GET, N_ACTION
from pynetdicom.pdu_primitives import (
    AsynchronousOperationsWindowNegotiation,
    SOPClassExtendedNegotiation,
    UserIdentityNegotiation,
)
from pynetdicom.presentation import AllStoragePresentationContexts
from pynetdicom.sop_class import ModalityWorklistInformationFind, PatientStudyOnlyQueryRetrieveInformationModelFind

from imaging.dimse.accepted_association import Served
from imaging.dimse.extended_negotiation import QueryOptions
from imaging.dimse.peers import Peer, Peers, Service
from imaging.dimse.sop_classes import (
    PATIENT_ROOT_FIND,
    STORAGE_COMMITMENT_PUSH_MODEL,
    STUDY_ROOT_FIND,
    STUDY_ROOT_GET,
    STUDY_ROOT_MOVE,
    VERIFICATION,
)
from imaging.dimse.status import SUCCESS, response
from tests.unit.dimse.endpoint import Endpoint
from tests.unit.dimse.files import responses_for_the_caller

PRIVATE, UNKNOWN = "1.3.46.670589.5.0.1", "1.2.840.10008.5.1.4.1.1.9999"
ACCEPTED, USER_REJECTION, NO_ABSTRACT_SYNTAX, NO_TRANSFER_SYNTAX = 0x00, 0x01, 0x03, 0x04
SCP = build_role(CTImageStorage, scp_role=True)
BOTH = build_role(CTImageStorage, scu_role=True, scp_role=True)


class Answering:
    """A service that says success, and keeps what was negotiated."""

    def __init__(self) -> None:
        self.options: list[QueryOptions] = []

    def answer(self, _request: object, exchange: Any) -> None:
        self.options.append(exchange.options(exchange.context.abstract_syntax_uid))
        exchange.respond(response(SUCCESS))


FIND = Answering()
SERVICES = {
    C_FIND: Served(FIND, frozenset({STUDY_ROOT_FIND, PATIENT_ROOT_FIND})),
    C_GET: Served(Answering(), frozenset({STUDY_ROOT_GET})),
    N_ACTION: Served(Answering(), frozenset({STORAGE_COMMITMENT_PUSH_MODEL})),
}


@pytest.fixture
def associate(make_endpoint):
    """Propose, to an endpoint with these settings."""
    begun: list[Association] = []

    def begin(
        *proposed: tuple[str, Sequence[str]],
        items: Sequence[Any] = (),
        services: Sequence[Service] = tuple(Service),
        preferred: Sequence[str] = (),
        **settings: Any,
    ) -> Association:
        peer = Peer("PEER", services=frozenset(services), transfer_syntax_uids=tuple(preferred))
        endpoint: Endpoint = make_endpoint(SERVICES, peers=Peers((peer,)), **settings)
        contexts = [build_context(sop_class_uid, list(uids)) for sop_class_uid, uids in proposed]
        begun.append(AE("PEER").associate("127.0.0.1", endpoint.port, contexts, ae_title="MAIN", ext_neg=list(items)))
        return begun[-1]

    yield begin
    for association in begun:
        association.abort()


def outcome(association: Association) -> list[tuple[int, str]]:
    """Result and transfer syntax by presentation context, in their order."""
    answered = association.acceptor.primitive.presentation_context_definition_results_list
    return [
        (context.result, str(context.transfer_syntax[0]) if context.result == ACCEPTED else "")
        for context in sorted(answered, key=lambda each: each.context_id)
    ]


def results(association: Association) -> list[int]:
    return [result for result, _ in outcome(association)]


UNCOMPRESSED = [ImplicitVRLittleEndian, ExplicitVRLittleEndian]


@pytest.mark.parametrize(
    ("sop_class_uid", "proposed", "preferred", "chosen"),
    [
        (CTImageStorage, [JPEG2000Lossless, ExplicitVRLittleEndian], [], JPEG2000Lossless),
        (CTImageStorage, [ExplicitVRLittleEndian, JPEG2000Lossless], [], ExplicitVRLittleEndian),
        (CTImageStorage, UNCOMPRESSED, [JPEGLSLossless, ExplicitVRLittleEndian], ExplicitVRLittleEndian),
        (CTImageStorage, [ImplicitVRLittleEndian, RLELossless], [JPEGLSLossless, RLELossless], RLELossless),
        (CTImageStorage, ["1.2.840.113619.5.2"], [RLELossless], "1.2.840.113619.5.2"),
        (STUDY_ROOT_FIND, [JPEG2000Lossless, ExplicitVRBigEndian], [JPEG2000Lossless], ExplicitVRBigEndian),
        (STUDY_ROOT_FIND, [DeflatedExplicitVRLittleEndian, ImplicitVRLittleEndian], [], DeflatedExplicitVRLittleEndian),
        (STUDY_ROOT_FIND, UNCOMPRESSED, [ExplicitVRLittleEndian], ExplicitVRLittleEndian),
        (STUDY_ROOT_FIND, [JPEG2000Lossless], [], None),
        (VERIFICATION, [ImplicitVRLittleEndian], [], ImplicitVRLittleEndian),
    ],
)
def test_the_transfer_syntax_is_the_peers_favourite_else_the_first_proposed(
    associate, sop_class_uid, proposed, preferred, chosen
):
    association = associate((sop_class_uid, proposed), preferred=preferred)
    assert outcome(association) == [(ACCEPTED, chosen) if chosen else (NO_TRANSFER_SYNTAX, "")]


@pytest.mark.parametrize("role", [SCP, BOTH])
@pytest.mark.parametrize(
    ("sop_class_uid", "proposed", "preferred", "chosen"),
    [
        (
            CTImageStorage,
            [JPEGLosslessSV1, JPEG2000Lossless, ImplicitVRLittleEndian, ExplicitVRLittleEndian],
            [],
            ExplicitVRLittleEndian,
        ),
        (CTImageStorage, [JPEGLosslessSV1, ImplicitVRLittleEndian], [], ImplicitVRLittleEndian),
        (CTImageStorage, [JPEGLSLossless, RLELossless], [], RLELossless),
        (CTImageStorage, [JPEGLSLossless, JPEGLosslessSV1], [], JPEGLSLossless),
        (CTImageStorage, [ExplicitVRLittleEndian, JPEGLSLossless], [JPEGLSLossless], JPEGLSLossless),
        (VideoEndoscopicImageStorage, [ExplicitVRLittleEndian, MPEG4HP41], [], MPEG4HP41),
    ],
)
def test_who_is_sent_instances_gets_a_syntax_that_can_always_be_made(
    associate, role, sop_class_uid, proposed, preferred, chosen
):
    role = build_role(sop_class_uid, scu_role=role.scu_role, scp_role=True)
    association = associate((sop_class_uid, proposed), preferred=preferred, items=[role])
    assert outcome(association) == [(ACCEPTED, chosen)]


def test_contexts_of_one_abstract_syntax_have_each_an_answer_of_its_own(associate):
    proposed = [
        [ExplicitVRLittleEndian, ImplicitVRLittleEndian],
        [ImplicitVRLittleEndian, ExplicitVRLittleEndian],
        [JPEG2000Lossless],
        [RLELossless, ExplicitVRLittleEndian],
    ]
    association = associate(*((CTImageStorage, uids) for uids in proposed))
    assert outcome(association) == [(ACCEPTED, uids[0]) for uids in proposed]
    association = associate((STUDY_ROOT_FIND, [RLELossless]), (STUDY_ROOT_FIND, UNCOMPRESSED))
    assert results(association) == [NO_TRANSFER_SYNTAX, ACCEPTED]


def test_as_many_contexts_as_an_association_can_have(associate):
    classes = [str(context.abstract_syntax) for context in AllStoragePresentationContexts[:127]]
    association = associate((VERIFICATION, UNCOMPRESSED), *((uid, [JPEGLSLossless]) for uid in classes))
    assert results(association) == [ACCEPTED] * 128
    assert association.acceptor.primitive.presentation_context_definition_results_list[-1].context_id == 255


@pytest.mark.parametrize(("accepts_unknown", "result"), [(True, ACCEPTED), (False, NO_ABSTRACT_SYNTAX)])
def test_private_and_unknown_classes_are_storage_where_the_configuration_says_so(associate, accepts_unknown, result):
    association = associate(
        *((uid, UNCOMPRESSED) for uid in (PRIVATE, UNKNOWN, CTImageStorage)),
        accepts_unknown_sop_classes=accepts_unknown,
    )
    assert results(association) == [result, result, ACCEPTED]


OTHERS = [ModalityWorklistInformationFind, PatientStudyOnlyQueryRetrieveInformationModelFind, STUDY_ROOT_MOVE]


@pytest.mark.parametrize("sop_class_uid", OTHERS)
def test_what_no_service_answers_is_not_accepted(associate, sop_class_uid):
    association = associate((sop_class_uid, UNCOMPRESSED), (VERIFICATION, UNCOMPRESSED))
    assert results(association) == [NO_ABSTRACT_SYNTAX, ACCEPTED]


OFFERED = [VERIFICATION, CTImageStorage, STUDY_ROOT_FIND, STUDY_ROOT_GET, STORAGE_COMMITMENT_PUSH_MODEL]


@pytest.mark.parametrize(
    ("services", "accepted"),
    [
        (tuple(Service), OFFERED),
        ([Service.STORE], [VERIFICATION, CTImageStorage]),
        ([Service.STORE, Service.COMMIT], [VERIFICATION, CTImageStorage, STORAGE_COMMITMENT_PUSH_MODEL]),
        ([Service.FIND, Service.GET], [VERIFICATION, STUDY_ROOT_FIND, STUDY_ROOT_GET]),
        ([Service.MOVE], [VERIFICATION]),
    ],
)
def test_a_service_that_a_peer_may_not_use_is_refused_to_it(associate, services, accepted):
    association = associate(*((uid, UNCOMPRESSED) for uid in OFFERED), services=services)
    assert results(association) == [ACCEPTED if uid in accepted else NO_ABSTRACT_SYNTAX for uid in OFFERED]


def test_an_association_may_be_accepted_with_nothing_in_it(associate):
    association = associate((ModalityWorklistInformationFind, UNCOMPRESSED))
    assert association.acceptor.primitive.result == 0x00
    assert results(association) == [NO_ABSTRACT_SYNTAX]


@pytest.mark.parametrize(
    ("role", "services", "result", "agreed"),
    [
        (SCP, [Service.STORE, Service.GET], ACCEPTED, (False, True)),
        (SCP, [Service.GET], ACCEPTED, (False, True)),
        (SCP, [Service.STORE], NO_ABSTRACT_SYNTAX, None),
        (BOTH, [Service.STORE, Service.GET], ACCEPTED, (True, True)),
        (BOTH, [Service.GET], ACCEPTED, (False, True)),
        (BOTH, [Service.STORE], ACCEPTED, (True, False)),
        (None, [Service.GET], NO_ABSTRACT_SYNTAX, None),
        (build_role(STUDY_ROOT_FIND, scp_role=True), [Service.FIND], NO_ABSTRACT_SYNTAX, None),
        (build_role(STUDY_ROOT_FIND, scu_role=True, scp_role=True), [Service.FIND], ACCEPTED, (True, False)),
    ],
)
def test_the_requestor_gets_the_roles_that_its_services_need(associate, role, services, result, agreed):
    sop_class_uid = role.sop_class_uid if role else CTImageStorage
    association = associate((sop_class_uid, UNCOMPRESSED), items=[role] if role else [], services=services)
    assert results(association) == [result]
    answered = {uid: (item.scu_role, item.scp_role) for uid, item in association.acceptor.role_selection.items()}
    assert answered == ({sop_class_uid: agreed} if agreed else {})


def test_who_may_only_fetch_cannot_store_in_a_context_that_was_accepted_for_fetching(associate, make_file):
    association = associate((CTImageStorage, [ExplicitVRLittleEndian]), items=[BOTH], services=[Service.GET])
    (context,) = association.accepted_contexts
    context._as_scu = True  # a requestor that does not keep to what was agreed
    with responses_for_the_caller(association):
        assert association.send_c_store(make_file()).Status == 0x0122


def test_a_store_in_the_context_of_a_query_is_refused(associate, make_file):
    association = associate((STUDY_ROOT_FIND, [ExplicitVRLittleEndian]))
    (context,) = association.accepted_contexts
    context._abstract_syntax = CTImageStorage
    with responses_for_the_caller(association):
        assert association.send_c_store(make_file()).Status == 0x0122


def extended(sop_class_uid: str, asked: bytes) -> SOPClassExtendedNegotiation:
    item = SOPClassExtendedNegotiation()
    item.sop_class_uid = sop_class_uid
    item.service_class_application_information = asked
    return item


def test_options_of_a_query_are_answered_and_known_to_the_service(associate):
    items = [
        extended(STUDY_ROOT_FIND, b"\1\0\1\1\1"),
        extended(STUDY_ROOT_GET, b"\1\1"),
        extended(STUDY_ROOT_MOVE, b"\1"),  # not offered
        extended(CTImageStorage, b"\2\0\1\0\0\0"),
    ]
    proposed = (STUDY_ROOT_FIND, PATIENT_ROOT_FIND, STUDY_ROOT_GET, STUDY_ROOT_MOVE, CTImageStorage)
    association = associate(*((uid, UNCOMPRESSED) for uid in proposed), items=items)
    assert association.acceptor.sop_class_extended == {STUDY_ROOT_FIND: b"\1\0\1\1\0", STUDY_ROOT_GET: b"\1\0"}
    FIND.options.clear()
    query = Dataset()
    query.QueryRetrieveLevel = "STUDY"
    with responses_for_the_caller(association):
        for sop_class_uid in (STUDY_ROOT_FIND, PATIENT_ROOT_FIND):
            ((status, _),) = association.send_c_find(query, sop_class_uid)
            assert status.Status == 0x0000
    assert FIND.options == [QueryOptions(relational=True, fuzzy=True, timezone=True), QueryOptions()]


def test_one_operation_at_a_time_and_no_identity_asked_for(associate):
    window = AsynchronousOperationsWindowNegotiation()
    window.maximum_number_operations_invoked = window.maximum_number_operations_performed = 8
    user = UserIdentityNegotiation()
    user.user_identity_type, user.primary_field, user.positive_response_requested = 1, b"somebody", True
    association = associate((MRImageStorage, UNCOMPRESSED), items=[window, user])
    assert association.is_established
    # nothing is answered: one operation, PS3.7 D.3.3.3; an identity is not looked at, D.3.3.7.2
    assert association.acceptor.asynchronous_operations == (1, 1)
    assert association.acceptor.user_identity is None
