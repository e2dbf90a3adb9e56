"""The recorder of the status as a process."""
