"""Send log lines to stderr, and to a rotating file where one is set."""

from __future__ import annotations

import logging
import os
import re
import sys
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path

from services.core.key_text import KEY_PREFIX
from services.core.settings import Settings, SettingsError

KEY = re.compile(rf"\b{re.escape(KEY_PREFIX)}[\w-]{{40,}}|\b[0-9a-f]{{64}}\b")
"""What the keys look like that `services.keys` and ``openssl rand -hex 32`` make."""

FORMAT = "%(asctime)s [%(levelname)s] %(name)s: %(message)s"

FILE_BYTES = 10_000_000
"""Size at which a file is rotated: with `FILES`, at most 40 MB on a board's small storage."""
FILES = 3
"""Rotated files that are kept beside the current one."""


class KeylessRecord(logging.LogRecord):
    """A line of any logger, gunicorn's too, without keys that stand where none belongs, such as in a path."""

    def getMessage(self) -> str:  # noqa: N802 - the name is that of `logging`
        """Return the message with a word in place of each key."""
        return KEY.sub("(key)", super().getMessage())


class LogFile(RotatingFileHandler):
    """A rotating file that its owner and group alone may read: it has addresses and the names of keys."""

    def _open(self) -> TextIOWrapper:
        # Without O_NONBLOCK the call waits for a reader where somebody made a pipe.
        descriptor = os.open(self.baseFilename, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK, 0o640)
        return os.fdopen(descriptor, "a", encoding="utf-8", errors="backslashreplace")


def configure(settings: Settings) -> None:
    """Set up the root logger of this process. Raises `SettingsError` if the file cannot be written."""
    logging.setLogRecordFactory(KeylessRecord)
    handlers: list[logging.Handler] = [logging.StreamHandler(sys.stderr)]
    if settings.log_file:
        handlers.append(open_file(settings.log_file))
    logging.basicConfig(level=settings.api_log_level, format=FORMAT, handlers=handlers, force=True)


def check_file(settings: Settings) -> None:
    """Check that the file for the log can be written; creates it. Raises `SettingsError`."""
    if settings.log_file:
        open_file(settings.log_file).close()


def open_file(path: Path) -> LogFile:
    """Open the file for the log. Raises `SettingsError`."""
    try:
        return LogFile(path, maxBytes=FILE_BYTES, backupCount=FILES)
    except OSError as error:
        raise SettingsError(
            f"log_file: {path} cannot be written: {error.strerror}. Name a file that the server may write."
        ) from error
