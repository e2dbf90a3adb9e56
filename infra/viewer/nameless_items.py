"""Lets OHIF read structured reports whose content items have no name.

PS3.3 C.17.3 asks for a Concept Name Code Sequence under a condition only; OHIF takes each item to have one, and where
one has none it draws nothing any more: neither the report nor the pictures beside it.
"""

from pathlib import Path

from infra.viewer.replacement import Replacement, replace

_IN_BUNDLES = (
    Replacement('}, CodeMeaning, ": ")', "}, CodeMeaning && `${CodeMeaning}: `)", 1),
    Replacement("} = ConceptNameCodeSequence;", "} = ConceptNameCodeSequence ?? {};", 2),
    Replacement("item.ConceptNameCodeSequence.", "item.ConceptNameCodeSequence?.", 16),
)


def allow_nameless_items(folder: Path) -> None:
    """Rewrite the files in the folder.

    Raises
    ------
    PackageError
        If what is to be replaced does not stand where this version has it.
    """
    replace(folder, "*.bundle.*.js", _IN_BUNDLES)
