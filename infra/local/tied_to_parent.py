"""Become another program that ends when its parent does: ``python tied_to_parent.py PARENT_PID PROGRAM [ARGUMENT…]``.

Linux sends the signal itself; elsewhere a killed launcher leaves the program
behind, and the next start names the port it holds.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1  # <sys/prctl.h>


def main(parent: int, command: list[str]) -> None:
    """Replace this process by the command; Ctrl-C is left to the parent, which stops its children in order."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            sys.exit("The launcher is gone.")
    os.execvp(command[0], command)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
