"""Define the facts of the worker protocol that both of its sides need. Standard library only."""

from __future__ import annotations

PROTOCOL = 2
"""The version of the protocol: a worker of another one is refused."""

LINE_LIMIT = 4 * 1024 * 1024
"""Bytes. A longer line is no message of ours but a child that writes garbage without end."""

TAP = "WORKER_TAP"
"""Environment variable of the child: both ends (``read:write``) of a pipe for what its native library prints. A worker
that listens to its library lets it print there; what it had no time to read when it died, the parent reads."""

TOKEN_KINDS = ("tokenize", "detokenize", "count")
"""The kinds of requests about tokens; their result is data, and no model runs for them."""

VECTOR_KINDS = ("embedding", "rerank")
"""The kinds of requests about vectors and scores; their result is data, one piece per input."""
