"""One loaded model of librkllmrt: the handle, its native thread and what its callback says. Standard library only.

All calls that may take long are made by one thread of its own, always the same. The callback copies and queues: it
takes no lock, never blocks and never raises. The return of ``rkllm_run`` ends a run, whatever states came.
"""

from __future__ import annotations

import ctypes
import math
import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from services.engines.rkllm.abi import (
    ERROR,
    FINISH,
    FREE,
    GENERATE,
    GET_LAST_HIDDEN_LAYER,
    HANDLE,
    INPUT_PROMPT,
    INPUT_TOKEN,
    NORMAL,
    Abi,
)


@dataclass(frozen=True)
class Piece:
    """What one callback said."""

    state: int
    text: bytes | None
    """None where the library gave no text at all."""
    token: int
    perf: dict[str, float] = field(default_factory=dict)
    hidden: tuple[float, ...] = ()
    """The hidden state of the last token, in runs about it."""


@dataclass(frozen=True)
class Returned:
    """``rkllm_run`` is back."""

    code: int


@dataclass(frozen=True)
class Turn:
    """The input of one run: a prompt for the runtime's own template, or tokens."""

    prompt: str = ""
    tokens: Sequence[int] = ()
    keep_history: bool = False
    thinking: bool = True


class Runtime:
    """Used by the main thread of the worker; `wake` by any."""

    def __init__(self, library: Any, abi: Abi) -> None:
        self._library, self._abi = library, abi
        self._handle = HANDLE()
        self._callback = abi.result_callback(self._take)
        self._run = 0
        self._lock = threading.Lock()
        self._calling = self._told_end = self._hidden = False
        self.foreign = False
        """Whether a callback of the newest run came on another thread than the one that called ``rkllm_run``."""
        self._events: queue.SimpleQueue[Piece | Returned | None] = queue.SimpleQueue()
        self._calls: queue.SimpleQueue[Callable[[], int]] = queue.SimpleQueue()
        native = threading.Thread(target=self._work, daemon=True)
        native.start()
        self._native = native.ident

    @property
    def per_run(self) -> bool:
        return self._abi.per_run

    def init(self, values: Mapping[str, Any], extend: Mapping[str, int]) -> bool:
        """Load the model; `values` name every field of RKLLMParam. Blocks for seconds. False if it failed."""
        param = self._library.rkllm_createDefaultParam()
        self.defaults = plain_values(param) | plain_values(param.extend_param)
        # Pointers are written unread: what the library leaves in an undocumented one may be no address.
        for name in dict(param._fields_).keys() & values.keys():
            setattr(param, name, values[name])
        ctypes.memset(ctypes.addressof(param.extend_param), 0, ctypes.sizeof(param.extend_param))
        for name, value in extend.items():
            setattr(param.extend_param, name, value)
        self._kept = param  # its strings must live as long as the handle
        self._call(lambda: self._library.rkllm_init(ctypes.byref(self._handle), ctypes.byref(param), self._entry()))
        event = self._events.get()
        # A NULL handle with a good result was seen on boards that were short of NPU memory.
        return isinstance(event, Returned) and event.code == 0 and bool(self._handle)

    def _entry(self) -> Any:
        if not self._abi.per_run:
            return self._callback
        self._callbacks = self._abi.structs["RKLLMCallback"](result_callback=self._callback)
        return ctypes.byref(self._callbacks)

    def start(self, turn: Turn, sampling: Mapping[str, float], limit: int, mode: int = GENERATE) -> None:
        """Begin a run; `sampling` and `limit` (tokens) take effect where the release has them per run.

        With the mode ``GET_LAST_HIDDEN_LAYER`` a piece brings the hidden state instead of text.
        """
        self._run += 1
        self._hidden = mode == GET_LAST_HIDDEN_LAYER
        given, infer = self._input(turn), self._infer(turn, sampling, limit)
        infer.mode = mode
        arguments = (self._handle, ctypes.byref(given), ctypes.byref(infer), ctypes.c_void_p(self._run))
        self._told_end = self.foreign = False
        self._calling = True
        self._call(lambda: self._library.rkllm_run(*arguments))

    def _input(self, turn: Turn) -> Any:
        given = self._abi.structs["RKLLMInput"]()
        given.role, given.enable_thinking = b"user", turn.thinking
        if turn.tokens:
            self._ids = (ctypes.c_int32 * len(turn.tokens))(*turn.tokens)
            given.input_type = INPUT_TOKEN
            given.token_input.input_ids, given.token_input.n_tokens = self._ids, len(turn.tokens)
        else:
            given.input_type, given.prompt_input = INPUT_PROMPT, turn.prompt.encode()
        return given

    def _infer(self, turn: Turn, sampling: Mapping[str, float], limit: int) -> Any:
        infer = self._abi.structs["RKLLMInferParam"]()
        infer.keep_history = turn.keep_history
        if self._abi.per_run:
            infer.max_new_tokens = limit
            infer.sampling_params = ctypes.pointer(self._abi.structs["RKLLMSamplingParam"](**sampling))
        return infer

    def next(self, timeout: float | None) -> Piece | Returned | None:
        """What happened next; None after a `wake` or when nothing did for `timeout` seconds. Blocks."""
        try:
            return self._events.get(timeout=timeout)
        except queue.Empty:
            return None

    def wake(self) -> None:
        """Make `next` return. From any thread; never blocks."""
        self._events.put(None)

    def abort(self) -> None:
        """Ask the run to stop; nothing when it has told its end, since a late abort might hit the next run."""
        with self._lock:
            if self._calling and not self._told_end:
                self._library.rkllm_abort(self._handle)

    def clear(self) -> bool:
        """Forget everything said before. False if the library could not."""
        return bool(self._library.rkllm_clear_kv_cache(self._handle, 0, None, None) == 0)

    def kv_size(self) -> int:
        """Tokens in the KV cache; 0 where the library does not tell."""
        sizes = (ctypes.c_int * 8)()
        return sizes[0] if self._library.rkllm_get_kv_cache_size(self._handle, sizes) == 0 else 0

    def _call(self, call: Callable[[], int]) -> None:
        self._calls.put(call)

    def _work(self) -> None:
        """The native thread: it makes the calls one after the other. ctypes releases the GIL during each."""
        while True:
            code = self._calls.get()()
            with self._lock:
                self._calling = False
            self._events.put(Returned(code))

    def _take(self, result: Any, run: int | None, state: int) -> int:
        """The callback. Pointers are NULL now and then, and what they point to is gone when it returns."""
        try:
            if state in (FINISH, ERROR):
                self._told_end = True
            if run == self._run:
                self.foreign |= threading.get_ident() != self._native
                self._events.put(said := piece(result, state, self._hidden))
                return FREE if said.hidden and self._abi.per_run else 0
        except Exception:
            # Nothing may be raised into C. A run that says nothing fails when it returns.
            self._events.put(None)
        return 0


def plain_values(struct: Any) -> dict[str, float]:
    """The fields of `struct` that are numbers or switches."""
    return {
        name: getattr(struct, name)
        for name, kind in struct._fields_
        if issubclass(kind, ctypes._SimpleCData) and kind is not ctypes.c_char_p
    }


def piece(result: Any, state: int, hidden: bool = False) -> Piece:
    """A copy of what the pointer of a callback points to; `hidden`: the run is about the hidden state."""
    if not result:
        return Piece(state, None, -1)
    found = result.contents
    if hidden and state == NORMAL:
        return Piece(state, None, -1, hidden=last_row(found.last_hidden_layer))
    perf = {name: finite(getattr(found.perf, name)) for name, _ in found.perf._fields_} if state == FINISH else {}
    return Piece(state, found.text, found.token_id, perf)


def last_row(layer: Any) -> tuple[float, ...]:
    """The hidden state of the last token; empty where there is none."""
    size, count = layer.embd_size, layer.num_tokens
    if not layer.hidden_states or size <= 0 or count <= 0:
        return ()
    return tuple(map(finite, layer.hidden_states[(count - 1) * size : count * size]))


def finite(value: float) -> float:
    """`value`, or 0 where it is none: a counter that was never set must not spoil the message it goes into."""
    return float(value) if math.isfinite(value) else 0.0
