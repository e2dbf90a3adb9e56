"""The DIMSE endpoint: C-ECHO and C-STORE, a process of its own."""
