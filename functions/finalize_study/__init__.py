"""Stage 3 as a process."""
