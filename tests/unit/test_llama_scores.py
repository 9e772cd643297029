"""How the tokens of a prompt are taken out of what llama.cpp tells of tokens that it generates."""

from __future__ import annotations

import re
from typing import Any

import pytest

from services.engines.llama.scores import MOST_WHOLE_LISTS, STEP, later_tokens
from services.engines.worker.errors import RequestRefused

END, PART, RARE = 2, 1000, 2000
"""A token that ends an answer; the first that ends within a character; the first of those that is unlikely."""


def entry(id: int) -> dict[str, Any]:
    return {"id": id, "token": str(id), "logprob": -1.0, "top_logprobs": [{"id": 7, "token": "7", "logprob": -0.5}]}


class Server:
    """What llama.cpp's server tells: nothing of a part of a character, and nothing behind the end of an answer."""

    def __init__(self) -> None:
        self.asked: list[int] = []
        """How many tokens each call wanted."""

    def handle_completions(self, body: dict[str, Any]) -> dict[str, Any]:
        wanted = [int(id) for id in re.findall(r"<\[(\d+)\]>", body["grammar"])]
        self.asked.append(len(wanted))
        if END in wanted:
            wanted = wanted[: wanted.index(END) + 1]
        entries = [entry(id) for id in wanted if id < PART] or [self.listing(body["n_probs"])] * (
            "<" not in body["grammar"]
        )
        return {"choices": [{"logprobs": {"content": entries} if entries else None}]}

    def listing(self, amount: int) -> dict[str, Any]:
        ids = [PART, PART + 1, *([RARE] if amount > 1000 else [])]
        return {**entry(1), "top_logprobs": [{"id": id, "token": "?", "logprob": -9.0} for id in ids]}


def test_a_prompt_is_generated_in_steps() -> None:
    server = Server()
    found = list(later_tokens(server, list(range(3, 3 + STEP + 5)), 1))
    assert [token["token"] for token in found] == [str(id) for id in range(4, 3 + STEP + 5)]
    assert found[0]["top_logprobs"] == [{"token": "7", "logprob": -0.5}]
    assert server.asked == [STEP, 4]


def test_what_ends_an_answer_or_is_a_part_of_a_character_ends_no_prompt() -> None:
    ids = [3, 4, END, 5, PART, PART + 1, 6, RARE, 7]
    found = list(later_tokens(Server(), ids, 0))
    assert [token["token"] for token in found] == ["4", "2", "5", "?", "?", "6", "?", "7"]
    assert [token["logprob"] for token in found][3:5] == [-9.0, -9.0]
    assert not any(token["top_logprobs"] for token in found)


def test_text_of_unlikely_bytes_is_refused_before_it_takes_hours() -> None:
    with pytest.raises(RequestRefused, match="too many unlikely tokens"):
        list(later_tokens(Server(), [3] + [RARE] * (MOST_WHOLE_LISTS + 1), 0))
    assert len(list(later_tokens(Server(), [3] + [RARE] * MOST_WHOLE_LISTS, 0))) == MOST_WHOLE_LISTS
