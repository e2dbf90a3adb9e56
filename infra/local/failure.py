"""What a person at the terminal is told when the local run cannot go on."""


class CannotRun(Exception):
    """The system cannot start or go on; the message is one sentence that says why and how to mend it."""
