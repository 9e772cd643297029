"""Is the server of this container alive? Exit code 0 when ``/health`` says so. Standard library only.

Asks the server itself, never a model: a generation that takes minutes is healthy.
"""

import json
import os
import sys
import urllib.request

TIMEOUT = 8
"""Seconds; below the 10 after which Docker gives up, so that the reason is printed."""


def health(port: str) -> str:
    """Raises `OSError` or `ValueError`; blocks for up to `TIMEOUT` seconds."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=TIMEOUT) as answer:
        return str(json.load(answer)["status"])


if __name__ == "__main__":
    try:
        status = health(os.environ.get("RKLLM_PORT") or "8000")
    except (OSError, ValueError, KeyError) as error:
        sys.exit(f"no answer from /health: {error}")
    print(status)
    sys.exit(status != "ok")
