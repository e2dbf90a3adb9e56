"""Stage 2 as a process."""
