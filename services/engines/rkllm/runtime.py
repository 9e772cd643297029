"""Call librkllmrt for one loaded model: the handle, its native thread, its callback. Standard library only.

All calls that may take long are made by one thread of its own, always the same. The callback copies and queues: it
takes no lock, never blocks and never raises. The return of ``rkllm_run`` ends a run, whatever states came.
"""

from __future__ import annotations

import ctypes
import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
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
    Abi,
    Features,
)
from services.engines.rkllm.pieces import Piece, copy_piece


@dataclass(frozen=True)
class Returned:
    """Carry the result of ``rkllm_run``, which ended the run."""

    code: int


@dataclass(frozen=True)
class RunInput:
    """Describe the input of one run: a prompt for the runtime's own template, or tokens."""

    prompt: str = ""
    tokens: Sequence[int] = ()
    keep_history: bool = False
    thinking: bool = True


class Runtime:
    """Load a model and run inputs on it. Used by the main thread of the worker; `wake` by any."""

    def __init__(self, library: Any, abi: Abi) -> None:
        """Take the loaded `library`, whose release `abi` describes, and start the native thread."""
        self._library, self._abi = library, abi
        self._handle = HANDLE()
        self._callback = abi.result_callback(self._take)
        self._run = 0
        self._lock = threading.Lock()
        self._calling = self._end_reported = self._hidden = False
        self.foreign = False
        """Whether a callback of the newest run came on another thread than the one that called ``rkllm_run``."""
        self._events: queue.SimpleQueue[tuple[int, Piece | Returned | None]] = queue.SimpleQueue()
        """What happened, and in which run: a callback may come after its run has returned."""
        self._calls: queue.SimpleQueue[Callable[[], int]] = queue.SimpleQueue()
        native = threading.Thread(target=self._work, daemon=True)
        native.start()
        self._native = native.ident

    @property
    def features(self) -> Features:
        """Return what the library's release can do."""
        return self._abi.features

    def init(self, values: Mapping[str, Any], extend: Mapping[str, int], bare: bool = False) -> str:
        """Load the model; `values` name every field of RKLLMParam. Blocks for seconds.

        `bare` empties the runtime's own chat template. Returns what failed, in words; nothing if nothing did.
        """
        param = self._library.rkllm_createDefaultParam()
        fields = dict(self._abi.structs["RKLLMParam"]._fields_)
        self.defaults = plain_values(param, fields) | plain_values(
            param.extend_param, dict(param.extend_param._fields_)
        )
        # Pointers are written unread: what the library leaves in an undocumented one may be no address.
        for name in fields.keys() & values.keys():
            setattr(param, name, values[name])
        ctypes.memset(ctypes.addressof(param.extend_param), 0, ctypes.sizeof(param.extend_param))
        for name, value in extend.items():
            setattr(param.extend_param, name, value)
        self._kept = param  # its strings must live as long as the handle
        self._bare = bare
        return self._load()

    def _load(self) -> str:
        """Load what `init` was given, and return what it returns."""
        handle, param = ctypes.byref(self._handle), ctypes.byref(self._kept)
        code = self._result(lambda: self._library.rkllm_init(handle, param, self._entry()))
        if code or not self._handle:
            # Users of boards that were short of NPU memory reported a NULL handle with a result of 0.
            return f"rkllm_init returned {code}" if code else "rkllm_init returned no handle"
        if self._bare and self._library.rkllm_set_chat_template(self._handle, b"", b"", b""):
            return "rkllm_set_chat_template failed"
        return ""

    def _result(self, call: Callable[[], int]) -> int:
        """Return the result of a `call` that makes no callbacks. Blocks for as long as it takes."""
        self._call(call)
        event = self.next(None)
        while not isinstance(event, Returned):  # a wake that came late
            event = self.next(None)
        return event.code

    def _entry(self) -> Any:
        if not self.features.callback_struct:
            return self._callback
        self._callbacks = self._abi.make("RKLLMCallback", result_callback=self._callback)
        return ctypes.byref(self._callbacks)

    def start(self, given: RunInput, sampling: Mapping[str, float], limit: int, mode: int = GENERATE) -> None:
        """Begin a run; `sampling` and `limit` (tokens) take effect where the release has them per run.

        With the mode ``GET_LAST_HIDDEN_LAYER`` a piece brings the hidden state instead of text.
        """
        self._run += 1
        self._hidden = mode == GET_LAST_HIDDEN_LAYER
        native, infer = self._input(given), self._infer(given, sampling, limit)
        infer.mode = mode
        arguments = (self._handle, ctypes.byref(native), ctypes.byref(infer), ctypes.c_void_p(self._run))
        self._end_reported = self.foreign = False
        self._calling = True
        self._call(lambda: self._library.rkllm_run(*arguments))

    def _input(self, given: RunInput) -> Any:
        native = self._abi.make("RKLLMInput")
        native.role, native.enable_thinking = b"user", given.thinking
        if given.tokens:
            # Kept here: the struct has a pointer to it, and the native thread reads it after this call.
            self._ids = (ctypes.c_int32 * len(given.tokens))(*given.tokens)
            native.input_type = INPUT_TOKEN
            native.token_input.input_ids, native.token_input.n_tokens = self._ids, len(given.tokens)
        else:
            native.input_type, native.prompt_input = INPUT_PROMPT, given.prompt.encode()
        return native

    def _infer(self, given: RunInput, sampling: Mapping[str, float], limit: int) -> Any:
        infer = self._abi.make("RKLLMInferParam")
        infer.keep_history = given.keep_history
        if self.features.limit_per_run:
            infer.max_new_tokens = limit
        if self.features.sampling_per_run:
            kind = ctypes.POINTER(self._abi.structs["RKLLMSamplingParam"])
            infer.sampling_params = kind(self._abi.make("RKLLMSamplingParam", **sampling))
        return infer

    def next(self, timeout: float | None) -> Piece | Returned | None:
        """Return what happened next; None after a `wake` or when nothing did for `timeout` seconds. Blocks.

        A late piece of an earlier run counts as a wake: it must not reach the answer of another.
        """
        try:
            run, event = self._events.get(timeout=timeout)
        except queue.Empty:
            return None
        return event if run == self._run else None

    def wake(self) -> None:
        """Make `next` return. From any thread; never blocks."""
        self._events.put((self._run, None))

    def abort(self) -> None:
        """Ask the run to stop; do nothing when it has reported its end, since a late abort might hit the next run."""
        with self._lock:
            if self._calling and not self._end_reported:
                self._library.rkllm_abort(self._handle)

    def empty(self) -> bool:
        """Empty the KV cache; where the library cannot, load the model anew, which blocks for seconds.

        Returns False if that failed too.
        """
        if self._library.rkllm_clear_kv_cache(self._handle, 0, None, None) == 0:
            return True
        self._result(lambda: self._library.rkllm_destroy(self._handle))
        self._handle.value = None
        return not self._load()

    def kv_size(self) -> int:
        """Return the tokens in the KV cache; 0 where the library does not give them."""
        sizes = (ctypes.c_int * 8)()
        return sizes[0] if self._library.rkllm_get_kv_cache_size(self._handle, sizes) == 0 else 0

    def _call(self, call: Callable[[], int]) -> None:
        self._calls.put(call)

    def _work(self) -> None:
        """Make the calls one after the other; the body of the native thread. ctypes releases the GIL during each."""
        while True:
            code = self._calls.get()()
            with self._lock:
                self._calling = False
            self._events.put((self._run, Returned(code)))

    def _take(self, result: Any, run: int | None, state: int) -> int:
        """Queue a copy of what the library shows: the callback.

        Pointers are NULL now and then, and what they point to is gone when it returns.
        """
        try:
            if run == self._run:
                self._end_reported |= state in (FINISH, ERROR)
                self.foreign |= threading.get_ident() != self._native
                self._events.put((run, copy := copy_piece(result, state, self._hidden)))
                return FREE if copy.hidden and self.features.callback_frees else 0
        except Exception:
            # Nothing may be raised into C. A run without pieces fails when it returns.
            self.wake()
        return 0


def plain_values(struct: Any, fields: Mapping[str, Any]) -> dict[str, float]:
    """Return those of the `fields` of `struct`, types by name, that are numbers or switches."""
    return {
        name: getattr(struct, name)
        for name, kind in fields.items()
        if issubclass(kind, ctypes._SimpleCData) and kind is not ctypes.c_char_p
    }
