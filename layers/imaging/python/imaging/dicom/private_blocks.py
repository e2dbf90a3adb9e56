"""Blocks of private elements; PS3.5 Section 7.8.1."""

from imaging.dicom.json_model import Attributes
from imaging.errors import Rejected, RejectReason

_FIRST_BLOCK = 0x10
_LAST_BLOCK = 0xFF


class PrivateBlocks:
    """Gives private elements their block where a model names their creator instead, PS3.19 Section A.1.

    It leaves the block number zero, and senders leave out the elements that
    reserve it; the tag that an element then gets is as good as the one it had.
    """

    def __init__(self) -> None:
        self._creators: dict[tuple[int, int], str] = {}
        self._block_of: dict[tuple[int, str], int] = {}
        self._added: dict[int, str] = {}

    def note(self, tag: int, value: str) -> None:
        """Take down an element that reserves a block, if it is one."""
        group, element = tag >> 16, tag & 0xFFFF
        if group % 2 and _FIRST_BLOCK <= element <= _LAST_BLOCK:
            self._creators[group, element] = value
            self._block_of.setdefault((group, value), element)

    def place(self, tag: int, creator: str) -> int:
        """The tag of an element, in the block of its creator.

        Raises
        ------
        Rejected
            `NOT_DICOM` if a group has more creators than blocks.
        """
        group, block, element = tag >> 16, tag >> 8 & 0xFF, tag & 0xFF
        if not creator or not group % 2:
            return tag
        if not block:
            block = self._block_of.get((group, creator)) or self._free(group)
        if block >= _FIRST_BLOCK and (group, block) not in self._creators:
            self.note(group << 16 | block, creator)
            self._added[group << 16 | block] = creator
        return group << 16 | block << 8 | element

    def creators(self) -> Attributes:
        """The reserving elements that were not there."""
        return {f"{tag:08X}": {"vr": "LO", "Value": [creator]} for tag, creator in self._added.items()}

    def _free(self, group: int) -> int:
        for block in range(_FIRST_BLOCK, _LAST_BLOCK + 1):
            if (group, block) not in self._creators:
                return block
        raise Rejected(RejectReason.NOT_DICOM, f"Group {group:04X} has more private creators than there are blocks.")
