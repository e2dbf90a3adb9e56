"""The DIMSE endpoint: a supervisor and the processes that serve associations."""
