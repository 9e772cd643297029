"""Call llama.cpp with nothing around it: the baseline of the CPU engine. A child program.

    python -m bench.llama_direct MODEL_PATH OPTIONS_JSON

It reads one llama.cpp request per line of stdin and writes one line of JSON per answer to stdout:
``{"started": s, "tokens": [s, ...]}``, in seconds on the `perf_counter` clock. It ends at the end of its input.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from typing import Any

from services.engines.llama.worker import params


def timed(server: Any, request: dict[str, Any]) -> dict[str, Any]:
    """Run one request; return when it began and when each of its tokens came. Blocks. Raises `RuntimeError`."""
    tokens: list[float] = []

    def on_chunk(chunk: dict[str, Any]) -> bool:
        if "error" in chunk:
            raise RuntimeError(chunk["error"])
        if any((choice.get("delta") or {}).get("content") for choice in chunk["choices"]):
            tokens.append(time.perf_counter())
        return False

    started = time.perf_counter()
    server.handle_chat_completions(request, on_chunk)
    return {"started": started, "tokens": tokens}


def main() -> None:
    """Load the model, then answer requests until the input ends."""
    import xllamacpp

    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # llama.cpp prints to stdout, which is for the answers
    with tempfile.TemporaryDirectory(prefix="rkllm-") as folder:
        server = xllamacpp.Server(params(sys.argv[1], json.loads(sys.argv[2]), folder))
    for line in sys.stdin:
        print(json.dumps(timed(server, json.loads(line))), file=out, flush=True)
    os._exit(0)  # without llama.cpp's threads, which would delay the end


if __name__ == "__main__":
    main()
