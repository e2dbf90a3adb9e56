"""Make the virtual environment that everything else runs in: ``python3 infra/environment.py infra local``.

Standard library only, and readable by any Python 3.6 or newer, so that an old
one gets a sentence and not a syntax error. The second time costs nothing: a
stamp in the environment remembers what it was made from.
"""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import time

OLDEST = (3, 11)
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
VENV = os.path.join(ROOT, ".venv")
VENV_PYTHON = os.path.join(VENV, "bin", "python")
STAMP = os.path.join(VENV, "made-from.txt")
BUILD = os.path.join(ROOT, ".build")
LOG = os.path.join(BUILD, "environment.log")
CONSTRAINTS = os.path.join("layers", "dependencies", "constraints.txt")
PINS = [os.path.join("layers", "dependencies", name) for name in ("requirements.txt", "gateway.txt", "pixels.txt")]
MADE_FROM = ("pyproject.toml", *PINS, CONSTRAINTS)
NO_NETWORK = re.compile(
    "NewConnectionError|Failed to establish a new connection|Temporary failure in name resolution"
    "|Name or service not known|Network is unreachable|Connection refused|ConnectTimeoutError|ReadTimeoutError"
    "|ProxyError"
)


class CannotMake(Exception):
    """The environment cannot be made; the message is one sentence that says why and how to mend it."""


def main(extras: "list[str]") -> int:
    """Make the environment with these extras of pyproject.toml, unless it is there already."""
    try:
        require_python(sys.version_info[:2])
        stamp = stamp_of(extras)
        if not is_made(stamp):
            require_venv()
            make(stamp, extras)
    except CannotMake as reason:
        print(reason, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def require_python(version: "tuple[int, ...]") -> None:
    """Refuse a Python that is too old, and name a newer one if this machine has it."""
    if version >= OLDEST:
        return
    newer = [name for name in ("python3.14", "python3.13", "python3.12", "python3.11") if shutil.which(name)]
    mend = f"run make with PYTHON={newer[0]}" if newer else "install one and run make with PYTHON=python3.11"
    raise CannotMake(
        f"Python {OLDEST[0]}.{OLDEST[1]} or newer is needed and this is {version[0]}.{version[1]}: {mend}."
    )


def require_venv() -> None:
    """Refuse a Python without the parts of the standard library that make an environment."""
    try:
        import ensurepip  # noqa: F401, PLC0415
        import venv  # noqa: F401, PLC0415
    except ImportError:
        raise CannotMake(
            "Python's venv module is not installed; on Debian and Ubuntu, "
            f"apt-get install python{sys.version_info[0]}.{sys.version_info[1]}-venv puts it there."
        ) from None


def stamp_of(extras: "list[str]") -> "list[str]":
    """What the environment is made from, as the stamp keeps it: a digest, then the extras."""
    digest = hashlib.sha256(f"{ROOT} {sys.version}".encode())
    for name in MADE_FROM:
        path = os.path.join(ROOT, name)
        if os.path.exists(path):
            with open(path, "rb") as file:
                digest.update(file.read())
    return [digest.hexdigest(), *sorted(extras)]


def is_made(stamp: "list[str]") -> bool:
    """Whether an environment from the same files, with at least these extras, is there."""
    if not (os.path.exists(STAMP) and os.path.exists(VENV_PYTHON)):
        return False
    with open(STAMP) as file:
        made = file.read().split("\n")
    return made[0] == stamp[0] and set(stamp) <= set(made)


def make(stamp: "list[str]", extras: "list[str]") -> None:
    """Make the environment and stamp it; one process at a time."""
    os.makedirs(BUILD, exist_ok=True)
    with open(os.path.join(BUILD, "environment.lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not is_made(stamp):
            make_venv()
            install(extras)
            with open(STAMP, "w") as file:
                file.write("\n".join(stamp))


def make_venv() -> None:
    """Make an empty environment, unless one of this very Python is there to go on with."""
    try:
        show_version = [VENV_PYTHON, "-c", "import sys; print(sys.version)"]
        version = subprocess.check_output(show_version, stderr=subprocess.DEVNULL)
        if version.decode().strip() == sys.version.strip():
            return
    except (OSError, subprocess.CalledProcessError):
        pass
    if show_progress("virtual environment", [sys.executable, "-m", "venv", "--clear", VENV]):
        raise CannotMake(f"The virtual environment {VENV} could not be made; {LOG} says why.")


def install(extras: "list[str]") -> None:
    """Install what pyproject.toml lists, and the project itself, editable."""
    command = [VENV_PYTHON, "-m", "pip", "install", "--disable-pip-version-check", "--progress-bar", "off"]
    command += ["--editable", f".[{','.join(extras)}]"]
    if os.path.exists(os.path.join(ROOT, CONSTRAINTS)):
        command += ["--constraint", CONSTRAINTS]
    if show_progress("Python packages (a minute or two the first time)", command):
        with open(LOG) as file:
            log = file.read()
        if NO_NETWORK.search(log):
            raise CannotMake("pip cannot reach its package index: check the network, or pip's settings for a mirror.")
        errors = re.findall(r"^ERROR: (.*)", log, re.MULTILINE)
        raise CannotMake(
            f"pip could not install the packages ({errors[-1] if errors else 'it gave no reason'}); see {LOG}."
        )


def show_progress(what: str, command: "list[str]") -> int:
    """Run the command, its output in the log, and show for how long; returns its exit code."""
    terminal = sys.stdout.isatty()
    started = shown = time.time()
    print(f"{what} …", end="" if terminal else "\n", flush=True)
    with open(LOG, "w") as log:
        child = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
        while child.poll() is None:
            time.sleep(0.1)
            if time.time() - shown > (0.5 if terminal else 15):
                shown = time.time()
                show(f"{what} … {shown - started:.0f} s", "" if terminal else "\n")
    show(f"{what} … {time.time() - started:.0f} s", "\n")
    return child.returncode


def show(line: str, end: str) -> None:
    """Print the line, over the one before if this is a terminal."""
    print(("\r" if sys.stdout.isatty() else "") + line, end=end, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
