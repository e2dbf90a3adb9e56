"""Which presentation contexts are accepted, in which transfer syntax and which roles; PS3.8 Annex B, PS3.7 D.3.3.4."""

from collections.abc import Sequence
from dataclasses import dataclass

from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    VideoEndoscopicImageStorage,
    VideoMicroscopicImageStorage,
    VideoPhotographicImageStorage,
)
from pynetdicom.pdu_primitives import A_ASSOCIATE, SCP_SCU_RoleSelectionNegotiation
from pynetdicom.presentation import PresentationContext

from imaging.dicom.transfer_syntaxes import is_video
from imaging.dimse.peers import Peer, Service
from imaging.dimse.sop_classes import SERVICE_OF_SOP_CLASS, is_storage
from imaging.dimse.transfer_syntax_choice import MAKEABLE

MESSAGE_TRANSFER_SYNTAXES = tuple(
    map(
        str,
        (ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian),
    )
)
"""Of the data sets that go with requests other than C-STORE; that takes every transfer syntax."""

_VIDEO_SOP_CLASSES = frozenset(
    map(str, (VideoEndoscopicImageStorage, VideoMicroscopicImageStorage, VideoPhotographicImageStorage))
)


@dataclass(frozen=True)
class _Roles:
    """What the requestor may be."""

    scu: bool
    scp: bool


@dataclass(frozen=True)
class Offer:
    """What the endpoint does, for those who may have it.

    Attributes
    ----------
    sop_class_uids
        Those of its services, without storage, which it always does.
    accepts_unknown_sop_classes
        Whether a class that the standard does not name is taken for storage.
    """

    sop_class_uids: frozenset[str]
    accepts_unknown_sop_classes: bool = True


def narrow_to_accepted(request: A_ASSOCIATE, peer: Peer, offer: Offer) -> list[PresentationContext]:
    """Choose a transfer syntax for each context that is proposed, and return what is supported.

    pynetdicom chooses by abstract syntax, so that all contexts of one would
    have the preferences of the first. Therefore the choice is made here, and
    each context in the request left with the chosen transfer syntax only. One
    that holds nothing to choose from is taken out: it breaks PS3.8 9.3.2.2.

    Parameters
    ----------
    peer
        The entry of the registry for the requestor.

    Returns
    -------
    list of PresentationContext
        One for each abstract syntax that the requestor may use here, for
        pynetdicom's negotiation as acceptor.
    """
    proposed = [context for context in request.presentation_context_definition_list if _is_whole(context)]
    request.presentation_context_definition_list = proposed
    proposed_roles = {
        str(item.sop_class_uid): _Roles(bool(item.scu_role), bool(item.scp_role))
        for item in request.user_information
        if isinstance(item, SCP_SCU_RoleSelectionNegotiation)
    }
    supported: dict[str, PresentationContext] = {}
    for context in proposed:
        uid = str(context.abstract_syntax)
        allowed = _allowed_roles(context, peer, offer)
        wanted = proposed_roles.get(uid, _Roles(scu=True, scp=False))
        if not ((allowed.scu and wanted.scu) or (allowed.scp and wanted.scp)):
            continue
        favourites = peer.transfer_syntax_uids
        if allowed.scp and wanted.scp:  # of what is stored, only the one that is chosen here can go out
            favourites = (*favourites, *_sendable(context))
        chosen = _chosen(context, favourites)
        if chosen:
            context.transfer_syntax = [chosen]
        accepted = supported.setdefault(uid, _supported(uid, allowed))
        accepted.add_transfer_syntax(chosen)
    return list(supported.values())


def _is_whole(context: PresentationContext) -> bool:
    return bool(context.abstract_syntax and context.transfer_syntax)


def _allowed_roles(context: PresentationContext, peer: Peer, offer: Offer) -> _Roles:
    uid = context.abstract_syntax
    if uid is None:
        return _Roles(scu=False, scp=False)
    if str(uid) in SERVICE_OF_SOP_CLASS:
        service = SERVICE_OF_SOP_CLASS[str(uid)]
        return _Roles(scu=uid in offer.sop_class_uids and (not service or service in peer.services), scp=False)
    if is_storage(uid, accepts_unknown=offer.accepts_unknown_sop_classes):
        return _Roles(scu=Service.STORE in peer.services, scp=Service.GET in peer.services)
    return _Roles(scu=False, scp=False)


def _chosen(context: PresentationContext, preferred: Sequence[str]) -> str | None:
    is_message = str(context.abstract_syntax) in SERVICE_OF_SOP_CLASS
    possible = [str(uid) for uid in context.transfer_syntax if not is_message or uid in MESSAGE_TRANSFER_SYNTAXES]
    return next((uid for uid in preferred if uid in possible), possible[0] if possible else None)


def _sendable(context: PresentationContext) -> Sequence[str]:
    """In what most instances of a class can be sent, the best first; videos cannot be decoded, and go out as stored."""
    videos = tuple(str(uid) for uid in context.transfer_syntax if is_video(uid))
    return (*videos, *MAKEABLE) if context.abstract_syntax in _VIDEO_SOP_CLASSES else MAKEABLE


def _supported(sop_class_uid: str, roles: _Roles) -> PresentationContext:
    supported = PresentationContext()
    supported.abstract_syntax = sop_class_uid
    supported.scu_role, supported.scp_role = roles.scu, roles.scp
    return supported
