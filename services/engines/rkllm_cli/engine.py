"""Drive the `rkllm` command-line program: one user message per line, greedy, nothing else (docs/npu-cli.md)."""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from services.core.client import Client
from services.core.errors import BadRequest, ContextOverflow, DeviceTaken, EngineFailed, ServiceError
from services.core.events import Done, Event, Text, Usage, Waiting
from services.core.model import Model
from services.core.request import EngineRequest
from services.core.settings import without_secrets
from services.engines.npu import board, reports
from services.engines.npu.plain import neutral
from services.engines.rkllm_cli import text as cli
from services.engines.rkllm_cli.program import STARTER, command
from services.engines.rkllm_cli.terminal import TerminalChild
from services.engines.worker.errors import LoadFailed
from services.engines.worker.limits import Limits, Pace, check_deadline
from services.engines.worker.stops import StopFilter

log = logging.getLogger(__name__)


class RkllmCliEngine:
    """Drive the `rkllm` program as an `Engine`. See `engines.base.Engine` for who may call what.

    The program cannot stop an answer: a cancel, a stop string and a request's own token limit end the process.
    """

    def __init__(
        self,
        model: Model,
        binary: str,
        limits: Limits,
        multiline: bool = False,
        lock: str = "",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take the `binary`, a path or a name on PATH; `multiline` says that it reads up to a line ``__END__``.

        `lock` is the file of the NPU's lock, empty for the usual one.
        """
        self.model = model
        self._binary, self._limits, self._lock, self._clock = binary, limits, lock, clock
        self._encoded = cli.until_end if multiline else cli.one_line
        self._child: TerminalChild | None = None
        self._greeting = b""
        self._mark = ""
        """The program's prompt; empty until it is loaded."""
        self._rows: dict[str, cli.Row] = {}
        self._log_lines: deque[str] = deque(maxlen=200)
        """The last lines of stderr."""
        self.info: Mapping[str, str | int | float] = {}

    @property
    def alive(self) -> bool:
        """Return whether the program runs. Never blocks."""
        return self._child is not None and self._child.alive

    @property
    def pid(self) -> int:
        """Return the program's process id, 0 before `start`. Never blocks."""
        return self._child.pid if self._child else 0

    def start(self) -> None:
        """Start the program, which loads the model. Raises `Unavailable` and `EngineFailed`."""
        length = str(self.model.context_length)
        argv = [*command(self._binary), str(self.model.path), length, length]
        # The table after each run has the numbers for the usage; the runtime writes it at this level.
        env = {**without_secrets(os.environ), "RKLLM_LOG_LEVEL": "1"}
        with npu_lock(self.model, self._lock) as lock:
            self._child = STARTER.submit(TerminalChild, argv, env, self.model.id, self._note, [lock]).result()
        self._load_deadline = self._clock() + self._limits.load
        log.info("Loading %s in process %d", self.model.id, self.pid)
        self._child.listen()

    def stop(self) -> None:
        """Kill the program and wait for its end (milliseconds)."""
        if self._child is not None:
            self._child.kill()

    def _note(self, line: str) -> None:
        """Keep a line of stderr. Called by any thread."""
        self._log_lines.append(line)
        if found := cli.row(line):
            self._rows[found[0]] = found[1]

    def ready(self, client: Client) -> Iterator[Waiting]:
        """Block until the program prompts; yields and raises as `Engine.ready` says."""
        if self._mark:
            return
        try:
            yield from self._load(client)
            self._mark = cli.greeting(self._greeting.decode(errors="replace"))
        except ServiceError as error:
            self.stop()
            if b"init failed" in self._greeting:
                raise self._not_loaded() from error
            raise
        self.info = reports.library_facts(list(self._log_lines))
        log.info("Loaded %s %s", self.model.id, self.info or "")

    def _load(self, client: Client) -> Iterator[Waiting]:
        assert self._child is not None
        for data in self._child.output(self._limits.heartbeat, client):
            # Also while it prints: a program that prints without end never asks for input.
            check_deadline(self._clock, self._load_deadline, f"The model did not load within {self._limits.load:g} s")
            if data is None:
                yield Waiting("loading")
            else:
                self._greeting = (self._greeting + data)[-GREETING:]

    def _not_loaded(self) -> EngineFailed:
        lines = [*self._greeting.decode(errors="replace").splitlines(), *self._log_lines]
        reason = reports.reason([line for line in lines if line not in FRAME], "it reported a failure")
        return EngineFailed(f"The rkllm program could not load {self.model.path.name}: {reason}")

    def generate(self, request: EngineRequest, client: Client) -> Iterator[Event]:
        """Run `request`; yields, blocks and raises as `Engine.generate` says."""
        if request.kind not in ("chat", "completion"):
            raise BadRequest(
                f"The rkllm program answers prompts and nothing else: no {request.kind}. Choose another model."
            )
        if request.generation.prompt_ids:
            raise BadRequest("The rkllm program reads text, no token ids. Send the prompt as text.", param="prompt")
        assert self._child is not None
        self._child.log.take()  # what it has printed so far is not about this request
        self._child.log.request_id = request.id
        self._rows = {}
        self._log_lines.clear()
        ended = False
        try:
            self._child.submit(self._encoded(prompt_of(request)).encode(errors="replace"))
            for event in self._run(self._child, request, client):
                ended = isinstance(event, Done)
                yield event
        except BadRequest:
            ended = True
            raise
        finally:
            if not ended:
                self.stop()

    def _run(self, child: TerminalChild, request: EngineRequest, client: Client) -> Iterator[Event]:
        answer, stops = cli.AnswerReader(self._mark, request.max_tokens), StopFilter(request.generation.stop)
        pace = Pace(self._limits, request.prompt_tokens_estimate, self._clock)
        for data in child.output(self._limits.heartbeat, client):
            if data is None:
                pace.silent()
            else:
                text = stops.feed(answer.feed(data))
                if answer.begun:
                    pace.token()
                if text:
                    yield Text(text)
                if answer.full or stops.stopped:
                    self.stop()
                    break
            if pace.due():
                yield pace.waiting
        else:
            child.log.take(at_rest=True)
            if text := stops.feed(answer.end(table=not self._rows)):
                yield Text(text)
            self._check(answer)
        if text := stops.flush():
            yield Text(text)
        yield self._done(answer, stops.found)

    def _check(self, answer: cli.AnswerReader) -> None:
        """Raise what the runtime reported, also where it ended a run without a word."""
        if not (answer.failed or answer.silent):
            return
        if found := reports.too_long(self._log_lines):
            raise ContextOverflow(found[0], self.model.context_length)
        symptom = "it ended the run without an answer" if answer.silent else "it gave no answer"
        raise EngineFailed(f"The rkllm program reported an error: {reports.reason(self._log_lines, symptom)}")

    def _done(self, answer: cli.AnswerReader, stop: str) -> Done:
        """Return the end of an answer, with the runtime's own numbers where it printed any."""
        rows = answer.rows or self._rows
        usage = Usage(completion_tokens=answer.tokens)
        if {"Prefill", "Generate"} <= rows.keys():
            usage = Usage(rows["Prefill"].tokens, rows["Generate"].tokens)
        timings = {PHASES[name]: row.milliseconds / 1000 for name, row in rows.items()}
        full = answer.full or usage.prompt_tokens + usage.completion_tokens >= self.model.context_length
        return Done("length" if full and not stop else "stop", usage, timings, stop)


GREETING = 16 * 1024
"""The last bytes kept of what the program prints before it asks for input."""

FRAME = ("rkllm init start", "RKLLM starting, please wait...", "rkllm init failed")
"""Lines of the program itself around a load that fails; none is a reason."""

PHASES = {"Prefill": "prefill", "Generate": "decode"}


def prompt_of(request: EngineRequest) -> str:
    """Return the text for the program; it puts a chat template around a raw prompt as well (`spec.unsupported`)."""
    return neutral(cli.prompt(request.messages) if request.kind == "chat" else request.prompt)


@contextlib.contextmanager
def npu_lock(model: Model, lock: str) -> Iterator[int]:
    """Take the NPU's lock, for a child to inherit and keep as long as it lives.

    Raises `DeviceTaken` when another process has it, or when the memory is surely too short for `model`, and
    `EngineFailed` when its file cannot be opened.
    """
    try:
        board.check_memory(model.path, model.context_length, MEMINFO)
        descriptor = board.lock(lock)
    except LoadFailed as error:
        kind = DeviceTaken if error.kind == "unavailable" else EngineFailed
        raise kind(str(error)) from error
    try:
        yield descriptor
    finally:
        os.close(descriptor)


MEMINFO = Path("/proc/meminfo")
