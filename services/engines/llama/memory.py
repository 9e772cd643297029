"""Limit the memory of this worker, so that no request takes that of the machine. Standard library only.

What a grammar or a chat template can grow to is not known before. Under a limit, llama.cpp's allocation fails, it says
so, and the request fails alone.
"""

from __future__ import annotations

import resource
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from services.models import gguf

MIB = 2**20

HEADROOM = 1024 * MIB
"""Bytes beyond what is known to be needed: for prompts, grammars and all else."""

COPIES = 2
"""How often a file is in memory at most: mapped, and once more in the layout that the CPU multiplies fastest."""

STACK = 8 * MIB
"""Bytes of a thread's stack, unless the system sets more."""

OTHER_THREADS = 8
"""Threads of llama.cpp and of this program beside those that compute."""

VALUE_BYTES = 4
"""Of a number in a computation; the KV cache has two bytes for each."""

VOCABULARY = 300_000
"""More tokens than vocabularies in use have: the largest list of numbers in one step."""


def limit_load(path: str, options: Mapping[str, Any]) -> None:
    """Limit this process to what loading the model may take. Raises `gguf.NotGguf` and `OSError`."""
    file, context = Path(path), int(options["context_length"])
    size = max(file.stat().st_size, int(options.get("file_bytes", 0)))
    step = max(int(options.get("batch_size", 0)), int(options.get("read_length", 0)))
    metadata = gguf.read_metadata(file)
    limit(COPIES * size + cache_bytes(metadata, context) + step_bytes(metadata, step, context) + stack_bytes(options))


def limit_requests(path: str, options: Mapping[str, Any]) -> None:
    """Limit this process, with its model loaded, to what requests may take. Raises as `limit_load`."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    cached = int(options.get("prompt_cache_mib", 0)) * MIB
    # A conversation is copied as a whole before the cache drops what is too much.
    conversation = cache_bytes(gguf.read_metadata(Path(path)), int(options["context_length"]))
    limit(pages * resource.getpagesize() + cached + conversation + stack_bytes(options))


def limit(needed: int) -> None:
    """Limit the address space of this process to `needed` bytes and `HEADROOM`, or less where it has a limit."""
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    wanted = needed + HEADROOM
    soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def stack_bytes(options: Mapping[str, Any]) -> int:
    """Return the bytes of address space for the stacks of the threads, most of which start with the first request."""
    soft, _ = resource.getrlimit(resource.RLIMIT_STACK)
    stack = STACK if soft == resource.RLIM_INFINITY else max(soft, STACK)
    return stack * (OTHER_THREADS + int(options.get("threads", 1)) + int(options.get("threads_batch", 1)))


def cache_bytes(metadata: Mapping[str, gguf.Value], context: int) -> int:
    """Return the bytes of a KV cache of `context` tokens; more than that for models that cache only some layers."""
    heads = number(metadata, "attention.head_count", 1)
    width = number(metadata, "embedding_length", 0) // max(1, heads)
    values = number(metadata, "attention.key_length", width) + number(metadata, "attention.value_length", width)
    layers = number(metadata, "block_count", 0)
    return 2 * layers * number(metadata, "attention.head_count_kv", heads) * values * context


def step_bytes(metadata: Mapping[str, gguf.Value], step: int, context: int) -> int:
    """Return the bytes of the numbers while `step` tokens are computed at once."""
    return VALUE_BYTES * step * (VOCABULARY + number(metadata, "attention.head_count", 1) * context)


def number(metadata: Mapping[str, gguf.Value], name: str, otherwise: int) -> int:
    """Return a whole number that the file says of its architecture; `otherwise` where it says none."""
    found = metadata.get(f"{metadata.get('general.architecture')}.{name}")
    return found if isinstance(found, int) else otherwise
