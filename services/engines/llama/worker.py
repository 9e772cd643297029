"""Run llama.cpp in this process, through xllamacpp: the worker of the CPU engine.

A child program; by hand::

    echo '{"op": "load", "path": "model.gguf", "options": {"context_length": 2048}}' \
        | python -m services.engines.llama.worker

Facts this file rests on, each measured with xllamacpp 2026.10.11549:
`Server` always opens an HTTP listener, so it gets a Unix socket in a private folder, with a random key, and the socket
is unlinked at once: no other process can connect to it. A callback that returns True ends a run: in decode at the next
token, in prefill (with ``return_progress``) after the current batch, so the batch size bounds the cancel latency.
Bad input is a ValueError, a prompt that is too long one callback with ``error`` and without ``choices``.
"""

from __future__ import annotations

import os
import re
import secrets
import struct
import tempfile
from itertools import islice
from pathlib import Path
from typing import Any

from services.engines.llama import memory
from services.engines.llama import vectors as llama_vectors
from services.engines.llama.chunks import ChunkReporter
from services.engines.llama.grammar import grammar_text
from services.engines.llama.hidden import completed
from services.engines.llama.refusals import refusal, refused
from services.engines.llama.scores import run_scores
from services.engines.llama.tokens import Listener, Tokens
from services.engines.worker.control import beginnings, broken
from services.engines.worker.errors import LoadFailed
from services.engines.worker.loop import Run, serve
from services.engines.worker.wire import TOKEN_KINDS, VECTOR_KINDS
from services.models import gguf
from services.models.gguf_tokens import control_tokens

ERRORS = 1
"""llama.cpp's log level. Its thread for the log may write a warning of the load much later, and then it would pass for
the cause of what happens by that time."""

CHECKPOINTS = 4
"""Copies of the state that llama.cpp keeps for models that cannot take back tokens (sliding windows, recurrent ones).
Its own 32 can take gigabytes."""


def params(path: str, options: dict[str, Any], folder: str) -> Any:
    """Return llama.cpp's parameters for one conversation at a time; `folder` is for its socket."""
    import xllamacpp

    p = xllamacpp.CommonParams()
    p.model.path = path
    p.n_ctx = options["context_length"]
    p.n_parallel = 1
    p.n_batch = p.n_ubatch = options.get("batch_size", 128)
    p.cpuparams.n_threads = options.get("threads", 1)
    p.cpuparams_batch.n_threads = options.get("threads_batch", os.cpu_count() or 1)
    p.cache_ram_mib = options.get("prompt_cache_mib", 0)
    # A prompt that is too long is refused: shifted, it would be answered without its beginning.
    p.ctx_shift = False
    p.warmup = False
    p.verbosity = ERRORS
    p.n_ctx_checkpoints = CHECKPOINTS
    p.reasoning_format = xllamacpp.common_reasoning_format.COMMON_REASONING_FORMAT_DEEPSEEK
    p.hostnames = [os.path.join(folder, "unused.sock")]
    p.api_keys = [secrets.token_hex()]
    p.n_threads_http = 1
    p.endpoint_slots = p.endpoint_props = p.endpoint_metrics = p.ui = False
    if options.get("embedding"):
        llama_vectors.setup(p, options)
    return p


def load(path: str, options: dict[str, Any]) -> LlamaRunner:
    """Load a model. Blocks for seconds. Raises `LoadFailed`."""
    try:
        memory.limit_load(path, options)
        server, listener = open_server(path, options)
        memory.limit_requests(path, options)
        control = beginnings(control_tokens(Path(path)))
    except (RuntimeError, MemoryError, OSError, ValueError, struct.error, gguf.NotGguf) as error:
        raise LoadFailed(
            f"llama.cpp could not load {os.path.basename(path)}: the file is damaged or cut short, of an "
            "architecture it does not know, its chat template does not work, or it is larger than the free memory. "
            "The log above names the cause; fetch the file again or choose a smaller model."
        ) from error
    return LlamaRunner(server, Tokens(listener), control, options["context_length"])


def open_server(path: str, options: dict[str, Any]) -> tuple[Any, Listener]:
    """Return llama.cpp's server with its model loaded, and its listener. Blocks for seconds.

    Raises `RuntimeError`, `MemoryError` and `OSError`.
    """
    import xllamacpp

    with tempfile.TemporaryDirectory(prefix="rkllm-") as folder:
        values = params(path, options, folder)
        server = xllamacpp.Server(values)
        return server, Listener(values.hostnames[0], values.api_keys[0])


PORTION = 16
"""Logprobs that are reported at once."""

FILLER = " "
"""Stands inside what looks like a control token in a text, so that the text stays text."""


class LlamaRunner:
    """Run requests on a loaded GGUF model."""

    def __init__(self, server: Any, tokens: Tokens, control: re.Pattern[str] | None, context: int) -> None:
        """Take llama.cpp's server with its model loaded, and the `Tokens` of that model.

        `control` finds its control tokens in texts; `context` is how many tokens prompt and answer may have.
        """
        self._server, self._tokens, self._control, self._context = server, tokens, control, context

    def run(self, request: dict[str, Any], run: Run) -> str:
        """Run `request` as `Runner.run` says."""
        request = self._guarded(request)
        if request["kind"] in VECTOR_KINDS:
            return llama_vectors.run_data(self._server, request, run)
        if request["kind"] == "score":
            return run_scores(self._server, self._tokens, self._context, request, run)
        if request["kind"] in TOKEN_KINDS:
            run.data(self._tokens.data(request, chat_request(request)))
            return "stop"
        if biases := request["sampling"].get("logit_bias"):
            # llama.cpp would leave an unknown one out.
            self._tokens.check(map(int, biases))
        reporter = ChunkReporter(run, request["logprobs"] or 0, self._context)
        chat = request["kind"] == "chat"
        handle = self._server.handle_chat_completions if chat else self._server.handle_completions
        try:
            handle({**llama_request(request), **self._grammar(request)}, reporter.take)
        except ValueError as error:
            raise refused(error) from error
        if reporter.error is not None:
            raise refusal(reporter.error)
        if reporter.ledger.kept:
            self._report_late(request, reporter, run)
        return reporter.finish_reason

    def _report_late(self, request: dict[str, Any], reporter: ChunkReporter, run: Run) -> None:
        """Report the logprobs that had to wait, in portions: to find some of them takes as long as a token."""
        before = [*self._tokens.ids_of_request(request, chat_request(request)), *reporter.ledger.ids]
        entries = completed(self._server, self._tokens, before, reporter.ledger.kept)
        while not run.cancelled and (portion := list(islice(entries, PORTION))):
            run.late_logprobs(reporter.cut(portion))

    def _guarded(self, request: dict[str, Any]) -> dict[str, Any]:
        """Return `request` without control tokens in its texts. In a raw prompt they are the client's template."""
        fields = ("inputs",) if request["kind"] in VECTOR_KINDS else ("messages", "template_kwargs")
        return request | {field: broken(request[field], self._control, FILLER) for field in fields}

    def _grammar(self, request: dict[str, Any]) -> dict[str, str]:
        """Return the part of llama.cpp's request that the grammar is."""
        if not request["grammar"]:
            return {}
        prompt = self._tokens.prompt(chat_request(request)) if request["kind"] == "chat" else ""
        return {"grammar": grammar_text(request["grammar"], prompt)}


def llama_request(request: dict[str, Any]) -> dict[str, Any]:
    """Return the request in llama.cpp's words. Stop strings are not among them: the worker loop applies them."""
    return {
        "stream": True,
        "return_progress": True,
        "timings_per_token": True,
        "cache_prompt": True,
        "n_predict": request["max_tokens"],
        **request["sampling"],
        **(chat_request(request) if request["kind"] == "chat" else completion_request(request)),
    }


def chat_request(request: dict[str, Any]) -> dict[str, Any]:
    """Return the part of llama.cpp's request that only a chat has."""
    body: dict[str, Any] = {"messages": request["messages"], "chat_template_kwargs": request["template_kwargs"]}
    if request["logprobs"] is not None:
        # llama.cpp gives no logprob of a token where no alternatives are asked for.
        body |= {"logprobs": True, "top_logprobs": max(1, request["logprobs"])}
    return body


def completion_request(request: dict[str, Any]) -> dict[str, Any]:
    """Return the part of llama.cpp's request that only a raw prompt has."""
    body: dict[str, Any] = {"prompt": request["prompt_ids"] or request["prompt"]}
    if request["logprobs"] is not None:
        body["n_probs"] = max(1, request["logprobs"])
    return body


if __name__ == "__main__":
    serve(load)
