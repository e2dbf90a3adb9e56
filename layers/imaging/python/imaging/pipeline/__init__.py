"""The five stages, one verb phrase a file: store, index, finalize, announce, publish."""
