"""DICOMweb, PS3.18: bytes and messages to the model and back, no I/O of its own."""
