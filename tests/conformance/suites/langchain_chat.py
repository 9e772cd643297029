"""LangChain's own integration suite for chat models, unchanged, over our OpenAI endpoint."""

from __future__ import annotations

import os
from typing import Any

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_openai import ChatOpenAI
from langchain_tests.integration_tests import ChatModelIntegrationTests

MODEL, OTHER = os.environ["CONFORMANCE_MODEL"], os.environ["CONFORMANCE_OTHER_MODEL"]


class TestChat(ChatModelIntegrationTests):
    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return ChatOpenAI

    @property
    def chat_model_params(self) -> dict[str, Any]:
        """Greedy, since the suite is to judge the server, with as little of a penalty as keeps a model of 135 million
        parameters from repeating itself without end inside a string."""
        return {
            "model": MODEL,
            "base_url": os.environ["CONFORMANCE_URL"] + "/v1",
            "api_key": os.environ["CONFORMANCE_KEY"],
            "stream_usage": True,
            "temperature": 0,
            "frequency_penalty": 0.03,
            "max_retries": 0,
        }

    @property
    def model_override_value(self) -> str:
        return OTHER

    @property
    def supports_json_mode(self) -> bool:
        """Its one test asks in prose for two keys by name, which a model of 135 million parameters does not obey; that
        json_object is always an object is tested by sdk_openai."""
        return False

    @pytest.mark.xfail(run=False, reason="The default model calls no tool by itself: tools: required_only.")
    def test_agent_loop(self, model: BaseChatModel) -> None:
        """It leaves it to the model whether a tool is called. All other tests demand the calls that they look at."""
        super().test_agent_loop(model)

    @pytest.mark.xfail(reason="The default model writes another Japanese name than the one that it is given.")
    def test_unicode_tool_call_integration(self, model: BaseChatModel) -> None:
        """Its name is in Japanese letters, so the server kept them; whether it is the right name is the model's."""
        super().test_unicode_tool_call_integration(model)

    @property
    def supported_usage_metadata_details(self) -> dict[str, list[str]]:
        return {"invoke": [], "stream": []}
