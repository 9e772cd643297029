"""Send log lines to stderr, and to a rotating file where one is set."""

from __future__ import annotations

import logging
import sys
from logging.handlers import RotatingFileHandler

from services.core.settings import Settings, SettingsError

FORMAT = "%(asctime)s [%(levelname)s] %(name)s: %(message)s"

FILE_BYTES = 10_000_000
"""Size at which a file is rotated: with `FILES`, at most 40 MB on a board's small storage."""
FILES = 3
"""Rotated files that are kept beside the current one."""


def configure(settings: Settings) -> None:
    """Set up the root logger of this process. Raises `SettingsError` if the file cannot be written."""
    handlers: list[logging.Handler] = [logging.StreamHandler(sys.stderr)]
    if settings.log_file:
        try:
            handlers.append(RotatingFileHandler(settings.log_file, maxBytes=FILE_BYTES, backupCount=FILES))
        except OSError as error:
            raise SettingsError(f"log_file: {settings.log_file} cannot be written: {error.strerror}.") from error
    logging.basicConfig(level=settings.api_log_level, format=FORMAT, handlers=handlers, force=True)
