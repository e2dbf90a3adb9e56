"""Distribution to DIMSE nodes, by a process that keeps associations open."""
