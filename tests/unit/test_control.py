"""Control tokens in texts: found wherever they are, in time that grows with the text alone."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.engines.worker.control import beginnings, broken
from services.models.gguf_tokens import control_tokens
from tests.gguf_file import write_gguf

TOKENS = ["<|a|>", "<|ab|>", "</s>", "|>x", "<|a|>b"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("hi <|a|> there", "hi < |a|> there"),
        ("<|ab|></s>", "< |ab|>< /s>"),
        ("<|a|>x", "< |a| >x"),  # two that overlap
        ("<|b|> < |a|>", "<|b|> < |a|>"),
    ],
)
def test_every_place_is_broken(text: str, expected: str) -> None:
    assert broken(text, beginnings(TOKENS), " ") == expected


@given(st.lists(st.sampled_from([*TOKENS, "<", "|", "a", ">", "x"])))
def test_no_token_is_left(pieces: list[str]) -> None:
    found = broken("".join(pieces), beginnings(TOKENS), " ")
    assert not [token for token in TOKENS if token in found]


def test_fields_and_their_names_are_broken_and_numbers_kept() -> None:
    assert broken({"</s>": ["</s>", 1, True, None]}, beginnings(TOKENS), " ") == {"< /s>": ["< /s>", 1, True, None]}


def test_a_model_without_control_tokens_changes_nothing() -> None:
    assert beginnings(["x"]) is None
    assert broken("</s>", None, " ") == "</s>"


def test_many_tokens_and_long_texts_take_no_longer() -> None:
    places = beginnings(f"<|reserved_{number}|>" for number in range(5000))
    begin = time.process_time()
    broken("<|reserved_" * 200_000 + "<" * 1_000_000, places, " ")
    assert time.process_time() - begin < 2


def test_a_file_without_a_tokenizer_has_no_control_tokens(tmp_path: Path) -> None:
    assert control_tokens(write_gguf(tmp_path / "a.gguf", {"general.architecture": "fake"})) == []
