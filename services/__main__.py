"""``python -m services``: check what the server needs, then become gunicorn.

The first check that fails ends the program with code 1 and one message: what was found, what is needed, what to do.
After the checks gunicorn replaces this process, so that signals reach it directly.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import re
import socket
import sys
from pathlib import Path

from services.answering.catalog import model_catalog
from services.core import keys, logs
from services.core.settings import Settings, SettingsError, from_environment
from services.engines.registry import SUFFIXES

GUNICORN_CONF = Path(__file__).with_name("gunicorn_conf.py")

NEEDED_FLAGS = frozenset({"avx2", "fma", "f16c", "bmi2"})
"""What the x86-64 build of the CPU engine uses without a test: on an older processor SIGILL kills it."""


class Unfit(Exception):
    """The machine or the installation lacks something; the message says what, and what to do."""


def check_openmp() -> None:
    """Check that the library is there that llama.cpp is linked with. Raises `Unfit`."""
    try:
        ctypes.CDLL("libgomp.so.1")
    except OSError as error:
        raise Unfit(
            "The CPU engine needs the OpenMP library libgomp.so.1, which is not installed. "
            "Install it: apt-get install libgomp1 (Debian, Ubuntu), dnf install libgomp (Fedora)."
        ) from error


def check_processor(machine: str, cpuinfo: Path) -> None:
    """Check that an x86-64 processor has AVX2 and its companions; accept every other one. Raises `Unfit`."""
    if machine != "x86_64" or not cpuinfo.exists():
        return
    found = re.search(r"^flags\s*:(.*)$", cpuinfo.read_text(), re.MULTILINE)
    missing = NEEDED_FLAGS - set(found.group(1).split() if found else ())
    if missing:
        raise Unfit(
            f"This processor lacks {', '.join(sorted(missing)).upper()}, which the CPU engine needs (any Intel since "
            "Haswell, 2013, or AMD Zen has them). Run it on a newer computer, or let the virtual machine pass the "
            "host's processor through."
        )


def check_port(host: str, port: int) -> None:
    """Check that the server can listen there: gunicorn itself would try again for seconds. Raises `Unfit`."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise Unfit(
                f"Cannot listen on {host} port {port}: {error.strerror}. "
                "Stop the program that uses it, or choose another: PORT=8001 make run."
            ) from error
        except (UnicodeError, TypeError) as error:
            raise Unfit(f"The setting host is {host[:80]!r}, which is no address or name of a computer.") from error


def check_models(settings: Settings) -> None:
    """Check that at least one model can be used, and print the problems of the others. Raises `Unfit`."""
    catalog = model_catalog(settings)
    usable, problems = catalog.models(), catalog.problems()
    if not usable:
        suffixes = " or ".join(SUFFIXES)
        raise Unfit(
            f"There is no usable model in {settings.models_dir}. "
            + (" ".join(problems) or f"Put a {suffixes} file there, in a folder of its own (docs/models.md).")
        )
    for problem in problems:
        warn(problem)


def warn(problem: str) -> None:
    """Print a warning, if there is room for it: a full disk under the log must not stop the server."""
    with contextlib.suppress(OSError):
        os.write(sys.stderr.fileno(), f"warning: {problem}\n".encode())


def check(settings: Settings) -> None:
    """Run all checks, which takes milliseconds. Raises `Unfit` or `SettingsError`."""
    keys.check_keys_required(settings)
    for problem in keys.exposed_files(settings):
        warn(problem)
    logs.check_file(settings)
    check_openmp()
    check_processor(platform.machine(), Path("/proc/cpuinfo"))
    check_port(settings.host, settings.port)
    check_models(settings)


def main() -> None:
    """Check, then replace this process by gunicorn. Does not return."""
    try:
        check(from_environment(os.environ))
    except (Unfit, SettingsError) as error:
        sys.exit(f"error: {error}")
    os.execv(sys.executable, [sys.executable, "-m", "gunicorn", "-c", str(GUNICORN_CONF)])


if __name__ == "__main__":
    main()
