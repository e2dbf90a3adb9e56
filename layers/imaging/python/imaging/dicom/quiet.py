"""Keeps pydicom silent: its warnings and log lines quote values, and a value can be a patient's name."""

import logging
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from pydicom import config

_lock = threading.Lock()

# Process-wide, as pydicom's settings are: a value that breaks its VR is for us to leave out, not for it to tell.
config.settings.reading_validation_mode = config.IGNORE
_logger = logging.getLogger("pydicom")
_logger.addHandler(logging.NullHandler())
_logger.propagate = False


@contextmanager
def without_warnings() -> Iterator[None]:
    """Ignore warnings while pydicom converts values.

    `warnings.catch_warnings` changes the process, so threads take turns; hold
    it for work in memory only.
    """
    with _lock, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
