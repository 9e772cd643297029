"""A scripted engine: a real child program that follows the worker protocol, well or badly.

A run is scripted by the JSON object in the request's last message (or prompt)::

    {"text": "...", "tokens": 3, "delay": 0.0, "prefill_delay": 0.0, "prefill_steps": 2,
     "fault": "...", "phase": "prefill" | "decode", "at": 2, "bell": path, "bytes_are_tokens": false}

A message that is no such object is answered with "You said: ..." and itself. A load is scripted by ``load.json`` beside
the model file: ``{"fault": ..., "bell": path, "run": ...}``; ``run`` scripts the runs whose message is no such object.
In a script, ``again`` is the script of the run whose message is no script and comes after the answer to this one.
Requests for vectors and scores are scripted by their last input. ``bell`` names a FIFO: the worker opens it and writes
the phase and a newline when it reaches the fault's place, so a test knows where the worker is without ever sleeping.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NoReturn

from services.engines.worker.errors import LoadFailed, RequestRefused
from services.engines.worker.loop import Run, Runner, serve
from services.engines.worker.wire import TOKEN_KINDS, VECTOR_KINDS

CONTEXT = 4096


def forever() -> NoReturn:
    while True:
        time.sleep(3600)


def raw(data: bytes) -> None:
    """Write around the protocol, into the pipe that the channel kept."""
    os.write(OUT, data)


OUT = os.dup(1)


BUGS = {"bug": ZeroDivisionError("a bug on purpose"), "memory": MemoryError()}


def fault(name: str, run: Run | None) -> None:
    """Misbehave. Returns where the fault is one that the worker survives."""
    number = run.number if run else 0
    match name:
        case "crash":
            os.kill(os.getpid(), signal.SIGSEGV)
            forever()
        case "exit":
            print("the fake engine gives up", file=sys.stderr, flush=True)
            os._exit(3)
        case "silent":
            forever()
        case "ignores_sigterm":
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            forever()
        case "closes_output":
            os.closerange(3, 64)
            forever()
        case "garbage":
            raw(b"\xff\xfe this is no JSON\n")
        case "wrong_type":
            raw(b'{"event": "text", "run": "one", "text": 5}\n')
        case "unknown_event":
            raw(b'{"event": "party", "run": 1}\n')
        case "future_run":
            raw(b'{"event": "text", "run": 999, "text": "wrong"}\n')
        case "stale_run":
            raw(f'{{"event": "text", "run": {number - 1}, "text": "stale"}}\n'.encode())
        case "false_cancel":
            raw(f'{{"event": "done", "run": {number}, "finish_reason": "cancel"}}\n'.encode())
        case "floods":
            while True:
                raw(b"x" * 65536)
        case "hold":
            while run is not None and not run.over:
                time.sleep(0.001)
            if run is None:
                forever()
        case "pause":
            pass  # opening the bell, above, has blocked until the test reads it
        case "bug" | "memory":
            raise BUGS[name]
        case "grandchild":
            subprocess.Popen(["sleep", "3600"], pass_fds=[OUT])
            os._exit(3)
        case "error":
            raise RequestRefused("the fake engine failed on purpose", "failed")
        case "context":
            raise RequestRefused("too long", "context", 5000, CONTEXT)
        case "bad_request":
            raise RequestRefused("the fake engine refuses this")


def ring(bell: str | None, phase: str) -> None:
    if bell:
        Path(bell).write_text(f"{phase}\n")


def token_data(request: dict[str, Any], script: dict[str, Any]) -> Any:
    """Its tokens are bytes; every text begins with token 256."""
    if request["kind"] == "count":
        return 10 * script.get("prefill_steps", 2)
    if request["kind"] == "detokenize":
        return [text_of(ids) for ids in request["inputs"]]
    texts = (
        ["\n".join(message["content"] for message in request["messages"])] if request["messages"] else request["inputs"]
    )
    return [tokens(text, request["special_tokens"]) for text in texts]


def text_of(ids: list[int]) -> str:
    if any(token > 256 for token in ids):
        raise RequestRefused("the fake engine knows no such token")
    return bytes(token for token in ids if token < 256).decode(errors="replace")


def tokens(text: str, special: bool) -> dict[str, Any]:
    ids = [*[256] * special, *text.encode()]
    return {"ids": ids, "texts": [chr(token) for token in ids]}


def scored(prompt: str | list[int], alternatives: int) -> list[dict[str, Any]]:
    """Each token is a byte, and as likely as it has places before it; the alternatives are always the same."""
    texts = [text_of([id]) for id in (prompt.encode() if isinstance(prompt, str) else prompt)]
    others = [{"token": chr(65 + i), "logprob": -0.1} for i in range(alternatives)]
    later = [{"token": text, "logprob": -float(i), "top_logprobs": others} for i, text in enumerate(texts)]
    return [{"token": texts[0], "logprob": None}, *later[1:]]


class Fake:
    def __init__(self, otherwise: dict[str, Any] | None) -> None:
        self._otherwise = otherwise

    def run(self, request: dict[str, Any], run: Run) -> str:
        script = scripted(request, self._otherwise)
        if request["kind"] == "score":
            run.data([scored(prompt, request["logprobs"]) for prompt in request["inputs"]])
            return "stop"
        if request["kind"] in TOKEN_KINDS:
            self.misbehave(script, "prefill", run)
            run.data(token_data(request, script))
            return "stop"
        steps = script.get("prefill_steps", 2)
        run.usage = {"prompt_tokens": 10 * steps, "completion_tokens": 0, "cached_tokens": 0}
        for step in range(steps):
            if run.over:
                return "cancel"
            time.sleep(script.get("prefill_delay", 0))
            run.progress(10 * step, 10 * steps)
        self.misbehave(script, "prefill", run)
        if script.get("bytes_are_tokens"):
            run.usage = {**run.usage, "prompt_tokens": fitting(request)}
        if request["kind"] in VECTOR_KINDS:
            return data(request, run)
        return "cancel" if run.over else self.decode(request, script, run)

    def decode(self, request: dict[str, Any], script: dict[str, Any], run: Run) -> str:
        pieces = [script.get("text", "tok ")] * script.get("tokens", 1)
        for index, piece in enumerate(pieces):
            if index == script.get("at", 0):
                self.misbehave(script, "decode", run)
            if run.over:
                return "stop"
            if index >= request["max_tokens"]:
                return "length"
            time.sleep(script.get("delay", 0))
            run.usage = {**run.usage, "completion_tokens": index + 1}
            run.text(piece)
        return "stop"

    def misbehave(self, script: dict[str, Any], phase: str, run: Run) -> None:
        if script.get("phase", "decode") == phase and "fault" in script:
            ring(script.get("bell"), phase)
            fault(script["fault"], run)


def fitting(request: dict[str, Any]) -> int:
    """Bytes of the messages, as a vocabulary without their script counts them; too many of them are refused."""
    count = sum(len(message["content"].encode()) for message in request["messages"])
    if count >= CONTEXT:
        raise RequestRefused("too long", "context", count, CONTEXT)
    return count


def data(request: dict[str, Any], run: Run) -> str:
    """Vectors that depend on the whole text, and their products with the query's as scores; one token per character."""
    longest = max(map(len, request["inputs"]))
    if longest > CONTEXT:
        raise RequestRefused("too long", "context", longest, CONTEXT)
    vectors = [vector(text) for text in request["inputs"]]
    query = vectors[0]
    scores = [sum(map(float.__mul__, query, other)) for other in vectors[1:]]
    run.usage = {"prompt_tokens": sum(map(len, request["inputs"])), "completion_tokens": 0, "cached_tokens": 0}
    run.data(vectors if request["kind"] == "embedding" else scores)
    return "stop"


def vector(text: str | list[int]) -> list[float]:
    """Eight numbers of a text; the vector has the length 1."""
    values = [byte - 127.5 for byte in hashlib.sha256(json.dumps(text).encode()).digest()[:8]]
    length = math.hypot(*values)
    return [value / length for value in values]


def scripted(request: dict[str, Any], otherwise: dict[str, Any] | None) -> dict[str, Any]:
    prompt = text_of(request["prompt_ids"]) or request["prompt"]
    if request["kind"] in VECTOR_KINDS and isinstance(request["inputs"][-1], str):
        prompt = request["inputs"][-1]
    said = request["messages"][-1]["content"] if request["messages"] else prompt
    script = parsed(said)
    if script is None and len(request["messages"]) > 2:
        script = (parsed(request["messages"][-3]["content"]) or {}).get("again")
    # It obeys no grammar; what most schemas allow is the best that it can do.
    return script or otherwise or {"text": "{}" if request["grammar"] else f"You said: {said}"}


def parsed(text: str) -> dict[str, Any] | None:
    try:
        script = json.loads(text)
    except ValueError:
        return None
    return script if isinstance(script, dict) else None


def load(path: str, options: dict[str, Any]) -> Runner:
    script_file = Path(path).with_name("load.json")
    script = json.loads(script_file.read_text()) if script_file.exists() else {}
    print(f"the fake engine loads {Path(path).name}", file=sys.stderr, flush=True)
    print("noise on stdout, as native libraries make it", flush=True)
    ring(script.get("bell"), "loading")
    tempfile.mkstemp()
    if script.get("fault") == "failed":
        raise LoadFailed("the fake engine cannot load this model on purpose")
    if "fault" in script:
        fault(script["fault"], None)
    return Fake(script.get("run"))


if __name__ == "__main__":
    serve(load)
