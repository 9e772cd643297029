"""``python -m services``: check what the server needs, then become gunicorn.

Checks first, each with one sentence that says what was found, what is needed and what to do; exit code 1 on the first
that fails. The process is then replaced by gunicorn, so signals reach it directly.
"""

from __future__ import annotations

import ctypes
import os
import platform
import re
import socket
import sys
from pathlib import Path

from services.core import keys
from services.core.settings import Settings, SettingsError, from_environment
from services.models.catalog import Catalog

GUNICORN_CONF = Path(__file__).with_name("gunicorn_conf.py")

NEEDED_FLAGS = frozenset({"avx2", "fma", "f16c", "bmi2"})
"""What the x86-64 build of the CPU engine uses without asking: on an older processor it dies of SIGILL."""


class Unfit(Exception):
    """The machine or the installation lacks something; the message says what and the remedy."""


def check_openmp() -> None:
    try:
        ctypes.CDLL("libgomp.so.1")
    except OSError as error:
        raise Unfit(
            "The CPU engine needs the OpenMP library libgomp.so.1, which is not installed. "
            "Install it: apt-get install libgomp1 (Debian, Ubuntu), dnf install libgomp (Fedora)."
        ) from error


def check_processor(machine: str, cpuinfo: Path) -> None:
    """x86-64 needs AVX2 and its companions; other processors have no such choice."""
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


def check_models(settings: Settings) -> None:
    """Some model must be usable; problems with others are printed and do not stop the start."""
    catalog = Catalog(settings)
    usable, problems = catalog.models(), catalog.problems()
    if not usable:
        raise Unfit(
            f"There is no usable model in {settings.models_dir}. "
            + (" ".join(problems) or "Put a .gguf or .rkllm file there, in a folder of its own (docs/models.md).")
        )
    for problem in problems:
        print(f"warning: {problem}", file=sys.stderr)


def check(settings: Settings) -> None:
    """Raises `Unfit` and `SettingsError`. Takes milliseconds."""
    keys.check(settings)
    check_openmp()
    check_processor(platform.machine(), Path("/proc/cpuinfo"))
    check_port(settings.host, settings.port)
    check_models(settings)


def main() -> None:
    try:
        check(from_environment(os.environ))
    except (Unfit, SettingsError) as error:
        sys.exit(f"error: {error}")
    os.execv(sys.executable, [sys.executable, "-m", "gunicorn", "-c", str(GUNICORN_CONF)])


if __name__ == "__main__":
    main()
