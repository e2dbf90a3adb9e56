"""FHIR R4: the mapping of a revision, no I/O of its own."""
