"""Write model files for the simulated runtime, and compute what it answers: the oracle of the tests.

A context is a list of token ids; `answer` returns the words of the simulated model for it. Since they depend on every
token, an answer that equals the oracle's proves that the runtime saw this conversation and nothing else.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

SPECIAL = ("<|im_start|>", "<|im_end|>", "<think>", "</think>", "<|endoftext|>")
FIRST_SPECIAL, FIRST_WORD = 256, 261
_NAMES = (
    "amber birch cedar delta ember fjord grove heron iris jade kelp larch maple north ochre pearl quail ridge stone "
    "thyme umber viola wharf xenon yucca zebra acorn basil coral dune elm fern"
)
WORDS = _NAMES.split()
SYSTEM = "You are a simulation."

_TOKEN = re.compile("|".join([*map(re.escape, SPECIAL), *(f" ?{word}" for word in WORDS), r"[\s\S]"]))
_MASK = (1 << 64) - 1

TEMPLATE = (
    "{%- for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{%- if add_generation_prompt %}<|im_start|>assistant\n"
    "{% if enable_thinking is defined and not enable_thinking %}<think>\n\n</think>\n\n{% endif %}{% endif %}"
)


def tokens(text: str) -> list[int]:
    """Return the token ids of `text`: special tokens, words with or without a blank, else bytes."""
    ids: list[int] = []
    for piece in _TOKEN.findall(text):
        if piece in SPECIAL:
            ids.append(FIRST_SPECIAL + SPECIAL.index(piece))
        elif piece.strip(" ") in WORDS:
            ids.append(FIRST_WORD + 2 * WORDS.index(piece.strip(" ")) + piece.startswith(" "))
        else:
            ids += piece.encode()
    return ids


def _mixed(value: int, other: int) -> int:
    value = ((value ^ other) * 0x100000001B3) & _MASK
    return value ^ (value >> 29)


def _fingerprint(context: Sequence[int]) -> int:
    value = 0xCBF29CE484222325
    for token in context:
        value = _mixed(value, token)
    return value


def word(context: Sequence[int], index: int) -> str:
    """Return word `index` of the answer to `context`."""
    return WORDS[_mixed(_mixed(_fingerprint(context), index), 7) % len(WORDS)]


def answer(text: str, count: int = 0) -> str:
    """Return the answer to the context `text`, in `count` words; 0: as many as the context's hash says."""
    return answer_to(tokens(text), count)


def answer_to(context: Sequence[int], count: int = 0) -> str:
    """Return the answer to a context of token ids, as `answer`."""
    count = count or 4 + _mixed(_fingerprint(context), 1) % 9
    return " ".join(word(context, index) for index in range(count))


def hidden(context: Sequence[int], size: int = 16) -> list[float]:
    """Return the hidden state after `context`: `size` numbers from -1 to 1."""
    return [(_mixed(_mixed(_fingerprint(context), index), 11) % 2001 - 1000) / 1000 for index in range(size)]


def chatml(messages: Sequence[dict[str, str]], thinking: bool | None = None) -> str:
    """Return the context of a chat, as the template beside a model renders it."""
    turns = "".join(f"<|im_start|>{m['role']}\n{m['content']}<|im_end|>\n" for m in messages)
    return f"{turns}<|im_start|>assistant\n" + ("<think>\n\n</think>\n\n" if thinking is False else "")


def runtime_template(prompt: str, thinking: bool = True, system: str = SYSTEM) -> str:
    """Return the context of a prompt that the runtime puts into its own template."""
    return chatml(
        ({"role": "system", "content": system}, {"role": "user", "content": prompt}), None if thinking else False
    )


def write_model(folder: Path, *, tokenizer: bool = False, **values: object) -> Path:
    """Write a model folder with a simulated ``.rkllm`` file and return the file's path.

    `values` are the file's keys; `tokenizer` adds a tokenizer and a chat template.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{folder.name}.rkllm"
    lines = [f"{key}: {str(value).replace(chr(10), chr(92) + 'n')}" for key, value in values.items()]
    path.write_text("\n".join(["RKLLM-SIMULATED 1", *lines, ""]))
    if tokenizer:
        (folder / "tokenizer.json").write_text(json.dumps(tokenizer_json()))
        config = {"chat_template": TEMPLATE, "eos_token": "<|im_end|>", "bos_token": None}
        (folder / "tokenizer_config.json").write_text(json.dumps(config))
    return path


def tokenizer_json() -> dict[str, object]:
    """Return the simulated tokenizer in the format of the `tokenizers` package: a byte-level BPE without merges."""
    added = [(FIRST_SPECIAL + index, text, True) for index, text in enumerate(SPECIAL)]
    added += [
        (FIRST_WORD + 2 * i + blank, " " * blank + text, False) for i, text in enumerate(WORDS) for blank in (0, 1)
    ]
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            {"id": id, "content": text, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False,
             "special": special}
            for id, text, special in added
        ],
        "normalizer": None,
        "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False},
        "post_processor": None,
        "decoder": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False},
        "model": {
            "type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
            "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False, "merges": [],
            "vocab": {char: byte for byte, char in byte_chars().items()},
        },
    }  # fmt: skip


def byte_chars() -> dict[int, str]:
    """Return the printable character that byte-level BPE uses for each byte."""
    plain = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in plain]
    return {byte: chr(byte) for byte in plain} | {byte: chr(256 + index) for index, byte in enumerate(others)}
