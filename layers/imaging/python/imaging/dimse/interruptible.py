"""Work that waits for others, beside the thread that answers for it."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, wait

from imaging.errors import ImagingError

_LOOK_UP_SECONDS = 0.1


def interruptible(
    work: Callable[[], None],
    goes_on: Callable[[], bool],
    *,
    clean_up: Callable[[], None],
    failed_later: Callable[[Exception], None],
) -> bool:
    """Do some work in a thread of its own, and look ten times a second whether to wait for it any longer.

    Parameters
    ----------
    goes_on
        What it raises goes through, and nobody waits any longer either.
    clean_up
        Called when the work has ended, unless that is told by True.
    failed_later
        Hears of a failure that nobody foresaw, when nobody waits any more.

    Returns
    -------
    bool
        Whether the work came to its end; else it goes on by itself.

    Raises
    ------
    Exception
        What the work raised.
    """
    done: Future[None] = Future()
    threading.Thread(target=_do, args=(work, done), name="interruptible", daemon=True).start()
    has_ended = False
    try:
        has_ended = _has_ended(done, goes_on)
    finally:
        if not has_ended:
            done.add_done_callback(lambda _: _end(done, clean_up, failed_later))
    if has_ended and done.exception():
        clean_up()
        done.result()
    return has_ended


def _do(work: Callable[[], None], done: Future[None]) -> None:
    try:
        work()
    except BaseException as failure:  # it is raised where the result is taken
        done.set_exception(failure)
    else:
        done.set_result(None)


def _has_ended(done: Future[None], goes_on: Callable[[], bool]) -> bool:
    while not wait([done], _LOOK_UP_SECONDS).done:
        if not goes_on():
            return False
    return True


def _end(done: Future[None], clean_up: Callable[[], None], failed_later: Callable[[Exception], None]) -> None:
    try:
        clean_up()
        done.result()
    except ImagingError:
        pass  # it was interrupted, after all
    except Exception as failure:  # the outermost guard of this thread
        failed_later(failure)
