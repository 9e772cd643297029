"""Check that the server of this container is alive: exit code 0 if ``/health`` says so. Standard library only.

    python3 scripts/healthcheck.py

It asks only the server, never a model: a generation that takes minutes is healthy. The port is `RKLLM_PORT`, or 8000.
"""

import argparse
import json
import os
import sys
import urllib.request

TIMEOUT = 8
"""Seconds; less than the 10 of Docker's own timeout, so that this script can print the reason."""


def health(port: str) -> str:
    """Return the status of the server.

    Raise `OSError`, `ValueError` or `KeyError`; block for up to `TIMEOUT` seconds.
    """
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=TIMEOUT) as answer:
        return str(json.load(answer)["status"])


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    try:
        status = health(os.environ.get("RKLLM_PORT") or "8000")
    except (OSError, ValueError, KeyError) as error:
        sys.exit(f"error: /health did not answer: {error}")
    print(status)
    sys.exit(status != "ok")
