"""Stage 4 as a process."""
