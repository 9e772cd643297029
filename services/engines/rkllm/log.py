"""What librkllmrt prints: copied on to our log, and read for metadata and reasons. Standard library only.

The library tells much through its prints alone: the model's context limit, the driver, why a load failed. It writes to
both standard streams, of which one is block-buffered, and does not end every line.
"""

from __future__ import annotations

import ctypes
import itertools
import os
import re
import threading
from collections import deque
from collections.abc import Sequence

KEPT = 400
"""Lines; an init prints ten, a run at log level 2 some more."""

READ_SIZE = 65536

LINE_BUFFERED = 1
"""_IOLBF of stdio.h."""

MARK = re.compile(rb"\n\0\d+\0(?=\n)")
"""What `Tap.lines` writes into the stream to know how far it was read."""

METADATA = (
    re.compile(
        r"rkllm-runtime version: (?P<runtime>[^,\s]+), rknpu driver version: (?P<driver>[^,\s]+), "
        r"platform: (?P<platform>\w+)"
    ),
    re.compile(
        r"rkllm-toolkit version: (?P<toolkit>[^,]+), max_context_limit: (?P<max_context_limit>\d+), "
        r"npu_core_num: (?P<npu_core_num>\d+), target_platform: (?P<target_platform>\w+), "
        r"model_dtype: (?P<model_dtype>\w+)"
    ),
    re.compile(r"Enabled cpus: \[(?P<cpus>[\d, ]*)\]"),
)

TOO_LONG = re.compile(r"prompt gather than max context \(prompt: (\d+) tokens, max context: (\d+)\)")
"""The library's own words (and its spelling) for a prompt that does not fit."""

COMPLAINT = re.compile(r"^(E RK\w+|E rkllm|error)\b", re.IGNORECASE)

REMEDIES = (
    (r"invalid magic|invalid rkllm model|model magic", "The file is damaged, or made by a newer toolkit than this "
     "runtime reads: fetch it again, or use a runtime of the toolkit's release."),
    (r"max_context_limit", "Lower the context: context_length in the model's model.yaml, or the -4k in its name."),
    (r"rknpu module|rknn device", "The NPU cannot be opened: the vendor kernel with the rknpu driver must run, and "
     "this user or container must have the device nodes (groups video and render)."),
    (r"malloc npu memory", "The NPU memory is short: stop other users of the NPU, choose a smaller model or a shorter "
     "context, or set npu_domain to another number."),
    (r"enabled CPUs", "Fewer CPUs are enabled than the model has NPU cores."),
    (r"Tokenizer is unavailable|no embedding layer", "The model was converted without its tokenizer or embedding: "
     "convert it again with both."),
    (r"driver version is too low", "Update the rknpu driver (the kernel) to 0.9.8."),
    (r"open file|Too many open files", "Raise the limit of open files (ulimit -n)."),
    (r"load model file error|rkllm_init failed", "The file is damaged or made for another chip: fetch the one for this "
     "board."),
)  # fmt: skip


class Tap:
    """Takes over file descriptors 1 and 2 of this process and copies all that comes to the old 2."""

    def __init__(self) -> None:
        self._log = os.dup(2)
        # The parent's pipe, if there is one: it reads what is left in it when this process has crashed.
        given = os.environ.get("WORKER_TAP")
        read_end, self._write_end = map(int, given.split(":")) if given else os.pipe()
        os.dup2(self._write_end, 1)
        os.dup2(self._write_end, 2)
        self._lines: deque[str] = deque(maxlen=KEPT)
        self._synced: dict[bytes, threading.Event] = {}
        self._marks = itertools.count()
        self._libc = ctypes.CDLL(None)
        # Over a pipe the C library would keep stdout's lines until it has 4096 bytes of them. The buffer is ours since
        # that of an unbuffered stream (PYTHONUNBUFFERED) would be one byte.
        self._buffer = ctypes.create_string_buffer(4096)
        stdout = ctypes.c_void_p.in_dll(self._libc, "stdout")
        self._libc.setvbuf(stdout, self._buffer, LINE_BUFFERED, ctypes.c_size_t(4096))
        threading.Thread(target=self._pump, args=(read_end,), daemon=True).start()

    def clear(self) -> None:
        """Forget the lines so far: what is printed from now on belongs to what is done from now on."""
        self.lines()
        self._lines.clear()

    def lines(self) -> list[str]:
        """All lines kept, to the last one printed before this call. Blocks for microseconds."""
        self._libc.fflush(None)
        mark = b"\0%d\0" % next(self._marks)
        seen = self._synced[mark] = threading.Event()
        os.write(self._write_end, b"\n" + mark + b"\n")
        seen.wait()
        return list(self._lines)

    def _pump(self, read_end: int) -> None:
        pending = b""
        while data := self._copied(read_end):
            *lines, pending = (pending + data).split(b"\n")
            for line in lines:
                self._take(line)

    def _copied(self, read_end: int) -> bytes:
        """Wait for data, copy it to the log and return it.

        Between two pipes the kernel copies it, and only then it is taken out: a library's last line before it crashes
        is the best one, and here it cannot get lost on the way.
        """
        length = self._libc.tee(read_end, self._log, ctypes.c_size_t(READ_SIZE), 0)
        data = os.read(read_end, length if length > 0 else READ_SIZE)
        if length <= 0:
            os.write(self._log, MARK.sub(b"", data))
        return data

    def _take(self, line: bytes) -> None:
        if waiting := self._synced.pop(line, None):
            waiting.set()
        elif text := line.decode(errors="replace").strip():
            self._lines.append(text)


def metadata(lines: Sequence[str]) -> dict[str, str | int]:
    """What the library told of itself, the board and the model; counts as integers."""
    found: dict[str, str | int] = {}
    for line in lines:
        for pattern in METADATA:
            if match := pattern.search(line):
                found |= {name: int(value) if value.isdigit() else value for name, value in match.groupdict().items()}
    return found


def too_long(lines: Sequence[str]) -> tuple[int, int] | None:
    """Prompt tokens and limit, if the library said that the prompt does not fit."""
    for line in reversed(lines):
        if match := TOO_LONG.search(line):
            return int(match[1]), int(match[2])
    return None


def reason(lines: Sequence[str]) -> str:
    """The library's own complaint, then what to do about it; a general advice where it said nothing."""
    complaints = [line for line in lines if COMPLAINT.match(line)]
    text = "; ".join(line.rstrip(".") for line in complaints[-3:]) or "it gave no reason"
    joined = "\n".join(line for line in lines if not line.startswith("I rkllm"))
    remedies = [remedy for pattern, remedy in REMEDIES if re.search(pattern, joined)]
    other = other_platform(metadata(lines))
    first = [other] if other else remedies[:1] or ["The lines above in the log may say more; docs/npu.md lists causes."]
    return f"{text}. {first[0]}"


def other_platform(found: dict[str, str | int]) -> str:
    """The sentence for a model that was converted for another chip than this board's, else nothing."""
    model, board = found.get("target_platform"), found.get("platform")
    if not model or not board or str(model).lower() == str(board).lower():
        return ""
    return f"The model was converted for {model}, and this board is an {board}: fetch the one for {board}."
