"""Describe the binary interface of librkllmrt as ctypes tables, one per group of releases. Standard library only.

Releases of one group share every layout. A call with the table of another group corrupts memory and reports nothing,
and the files of all releases have the same name. So `of_release` is the only way to a table, and its caller has read
the release from the bytes of that very file (`library`). tests/data/rkllm-abi.json has the facts that the tables are
tested against, field by field.
A release that changed nothing is one more name in a row of `GROUPS`. A release whose header nobody has read yet may
have grown a struct at its end: `Abi.make` puts zeroed room behind every struct that the library reads or fills.
"""

from __future__ import annotations

import ctypes as c
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from services.engines.rkllm.structs import COMMON, ENUM, callback_struct, run_structs, structs_1_2, structs_1_3

NORMAL, WAITING, FINISH, ERROR = range(4)
"""LLMCallState."""

INPUT_PROMPT, INPUT_TOKEN, INPUT_EMBED, INPUT_MULTIMODAL = range(4)
"""RKLLMInputType."""

GENERATE, GET_LAST_HIDDEN_LAYER, GET_LOGITS = range(3)
"""RKLLMInferMode."""

FREE = 2
"""What a callback of 1.3.0 returns to have the library free the buffer it was shown, which grows without it."""

HANDLE = c.c_void_p

Prototype = tuple[Any, list[Any]]
"""Result type and argument types."""

ROOM = 256
"""Bytes behind each struct. A newer release that reads or writes a few fields more does it there."""


@dataclass(frozen=True)
class Features:
    """State what the releases of a group can do. All false for the oldest."""

    sampling_per_run: bool = False
    """RKLLMInferParam has the sampling parameters; else those of the load apply."""
    limit_per_run: bool = False
    """RKLLMInferParam has max_new_tokens; else that of the load applies, and a shorter answer must be aborted."""
    callback_struct: bool = False
    """``rkllm_init`` takes RKLLMCallback; else the result callback itself."""
    callback_frees: bool = False
    """The library keeps the buffer that it shows to a callback until the callback returns `FREE`."""


@dataclass(frozen=True)
class Abi:
    """Describe the interface of one group of releases."""

    releases: tuple[str, ...]
    structs: Mapping[str, Any]
    functions: Mapping[str, Prototype]
    result_callback: Any
    """The function type of LLMResultCallback."""
    features: Features

    def __getattr__(self, name: str) -> Any:
        """Return a struct by its name. Raises `AttributeError`."""
        try:
            return self.structs[name]
        except KeyError:
            raise AttributeError(name) from None

    def make(self, name: str, **values: Any) -> Any:
        """Return a struct with these values; the rest of it, and the room behind it, is zero."""
        return roomy(self.structs[name])(**values)

    def bind(self, library: Any) -> None:
        """Give every function of a loaded library its types: without them a 64-bit handle is cut to an int."""
        for name, (result, arguments) in self.functions.items():
            function = getattr(library, name)
            # A struct by value is written by the library, into memory of the size that this type has.
            function.restype = roomy(result) if issubclass(result, c.Structure) else result
            function.argtypes = arguments


@cache
def roomy(struct: Any) -> Any:
    """Return `struct` with `ROOM` bytes behind it. ctypes takes it wherever it takes `struct`."""
    return type(f"Roomy{struct.__name__}", (struct,), {"_fields_": [("room", c.c_uint8 * ROOM)]})


def prototypes(structs: Mapping[str, Any], callback: Any) -> dict[str, Prototype]:
    """Return the types of every function that a library of the group exports."""
    # The unused ones too: the test compares all of a header, and `bind` finds a library that lacks one.
    integers = c.POINTER(c.c_int)
    run = [HANDLE, c.POINTER(structs["RKLLMInput"]), c.POINTER(structs["RKLLMInferParam"]), c.c_void_p]
    init = c.POINTER(structs["RKLLMCallback"]) if "RKLLMCallback" in structs else callback
    returning_int = {
        "rkllm_init": [c.POINTER(HANDLE), c.POINTER(structs["RKLLMParam"]), init],
        "rkllm_load_lora": [HANDLE, c.POINTER(structs["RKLLMLoraAdapter"])],
        "rkllm_load_prompt_cache": [HANDLE, c.c_char_p],
        "rkllm_release_prompt_cache": [HANDLE],
        "rkllm_destroy": [HANDLE],
        "rkllm_run": run,
        "rkllm_run_async": run,
        "rkllm_abort": [HANDLE],
        "rkllm_is_running": [HANDLE],
        "rkllm_clear_kv_cache": [HANDLE, c.c_int, integers, integers],
        "rkllm_get_kv_cache_size": [HANDLE, integers],
        "rkllm_set_chat_template": [HANDLE, c.c_char_p, c.c_char_p, c.c_char_p],
        "rkllm_set_function_tools": [HANDLE, c.c_char_p, c.c_char_p, c.c_char_p],
        "rkllm_set_cross_attn_params": [HANDLE, c.POINTER(structs["RKLLMCrossAttnParam"])],
    }
    table: dict[str, Prototype] = {name: (c.c_int, arguments) for name, arguments in returning_int.items()}
    return {"rkllm_createDefaultParam": (structs["RKLLMParam"], []), **table}


def group(releases: tuple[str, ...], own: list[Any], features: Features) -> Abi:
    """Return the interface of `releases`, whose `own` structs come to the common ones."""
    structs = {kind.__name__: kind for kind in [*COMMON, *own]}
    # Last: they have fields of the types above.
    structs |= {kind.__name__: kind for kind in run_structs(structs)}
    callback = c.CFUNCTYPE(c.c_int, c.POINTER(structs["RKLLMResult"]), c.c_void_p, ENUM)
    if features.callback_struct:
        structs["RKLLMCallback"] = callback_struct(callback)
    return Abi(releases, structs, prototypes(structs, callback), callback, features)


GROUPS = (
    group(("1.2.1", "1.2.2", "1.2.3"), structs_1_2(), Features()),
    group(
        ("1.3.0",),
        structs_1_3(),
        Features(sampling_per_run=True, limit_per_run=True, callback_struct=True, callback_frees=True),
    ),
)
"""Oldest first. A release with the layouts and features of a row stands in that row; any other gets its own."""

SUPPORTED = tuple(release for abi in GROUPS for release in abi.releases)
"""The releases whose header was read."""

ALIKE: Mapping[str, str] = {"1.3.1": "1.3.0"}
"""Releases whose header was not read, each with the release whose layouts programs in use call it by."""


def of_release(release: str, layout: str = "") -> Abi | None:
    """Return the table for a release, or None: nothing is guessed for an unknown one.

    `layout` is a release of `SUPPORTED`, whose table the owner wants for an unknown newer release. An older release is
    known to differ, so it gets none.
    """
    like = ALIKE.get(release) or (layout if numbers(release) > numbers(layout) else "")
    known = release if release in SUPPORTED else like
    return next((abi for abi in GROUPS if known in abi.releases), None)


def numbers(release: str) -> tuple[int, ...]:
    """Return the three numbers of a release, to compare two: as text, 1.10.0 would come before 1.9.0."""
    return tuple(map(int, re.findall(r"\d+", release)[:3]))
