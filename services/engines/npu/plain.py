"""Make text of users safe for a runtime that takes one string and reads special tokens in it. Pure."""

from __future__ import annotations

import re

SPECIAL = re.compile(
    r"<(?=[|\uff5c]\w|[/\w]{1,40}[|\uff5c]>|/?s>|(?:bos|eos|pad|unk|sop|eop|AI|\u7528\u6237)>|_\w{1,20}>|</?SYS>>"
    r"|(?:start|end)_of_turn>)"
    r"|\[(?=/?INST\]|\|\w|gMASK\])"
)
"""Where a special token of a known family of templates begins; ``<|>`` is none."""


def neutral(text: str) -> str:
    """Return `text` with a blank inside whatever may be a special token, so that no text begins a new message.

    A NUL, which would end the string there, becomes a replacement character.
    """
    return SPECIAL.sub(r"\g<0> ", text).replace("\0", "\N{REPLACEMENT CHARACTER}")
