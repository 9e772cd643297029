"""Which tools a question means, for models that leave it to the server."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from services.chat.tools.decide import decided, meant
from services.core.message import message
from services.core.request import GenerationRequest, Tool
from tests.unit.test_plan import MODEL

TOOLS = tuple(map(Tool, ("get_weather", "convert_currency", "searchNotes", "play_music", "get_current_time")))
ABLE = replace(MODEL, engine="llama", tools="words")


def said(text: str, role: str = "user") -> dict[str, Any]:
    return message(role, text)


@pytest.mark.parametrize(
    ("question", "names"),
    [
        ("What is the weather in San Francisco, CA?", ["get_weather"]),
        ("Wetter? I mean: weathers of Paris", ["get_weather"]),
        ("Convert 10 dollars into yen.", ["convert_currency"]),
        ("Which notes do I have on bees?", ["searchNotes"]),
        ("Play some music and tell me the time.", ["play_music", "get_current_time"]),
        ("Who wrote Faust?", []),
        ("Get me a current list of all tools.", []),
        ("", []),
    ],
)
def test_a_tool_is_meant_by_the_telling_words_of_its_name(question: str, names: list[str]) -> None:
    assert [tool.name for tool in meant(TOOLS, [said(question)])] == names


def test_a_result_is_answered_in_text() -> None:
    assert meant(TOOLS, [said("What is the weather?"), said("sunny", "tool")]) == ()
    assert meant(TOOLS, []) == ()


def test_a_name_without_telling_words_is_never_meant() -> None:
    assert meant([Tool("get_info"), Tool("___")], [said("get info")]) == ()


def test_what_is_meant_must_be_called() -> None:
    ask = GenerationRequest((said("What is the weather?"),), tools=TOOLS)
    found = decided(ask, ABLE)
    assert (found.tools, found.call_required) == (TOOLS[:1], True)
    assert decided(replace(ask, messages=(said("Hello."),)), ABLE).tools == TOOLS


@pytest.mark.parametrize(
    ("changes", "model"),
    [
        ({}, replace(ABLE, tools="json")),
        ({}, replace(ABLE, engine="rkllm")),
        ({"call_required": True}, ABLE),
        ({"json_schema": {}}, ABLE),
        ({"tools": ()}, ABLE),
    ],
)
def test_all_others_decide_for_themselves(changes: dict[str, Any], model: Any) -> None:
    ask = replace(GenerationRequest((said("What is the weather?"),), tools=TOOLS), **changes)
    assert decided(ask, model) is ask
