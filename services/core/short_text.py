"""Keep the messages of errors short, whatever a client sent that they quote."""

from __future__ import annotations

import re

MOST_MESSAGE = 600
"""The most characters of a message."""

MOST_QUOTED = 200
"""The most characters between two quotation marks of a message: what stands there is mostly the client's."""

QUOTED = re.compile("|".join(rf"{mark}(?:[^{mark}\\]|\\.){{{MOST_QUOTED},}}+{mark}" for mark in "'\"`"))
"""A long quotation; a quotation mark behind a backslash does not end it."""


def shortened(text: str, most: int) -> str:
    """Return `text`, without its middle if it is longer than `most` characters."""
    half = (most - 5) // 2
    return text if len(text) <= most else f"{text[:half]} ... {text[-half:]}"


def message_of(text: str) -> str:
    """Return the message of an error, in which neither a client's text nor the whole is long."""
    # Megabytes would make the search for quotations slow, so their middle goes first.
    text = shortened(text, 4 * MOST_MESSAGE)
    return shortened(QUOTED.sub(lambda found: shortened(found.group(), MOST_QUOTED), text), MOST_MESSAGE)
