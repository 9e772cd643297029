"""The seeds of openwebui/service.yaml as rows of Open WebUI's database."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any


def text(value: str) -> str:
    return value


def flag(value: str) -> bool:
    return value.lower() == "true"


def parts(value: str) -> list[str]:
    return value.split(";")


def names(value: str) -> list[str]:
    return [part.strip() for part in value.split(",") if part.strip()]


Row = tuple[str, Callable[[str], Any]]

ROWS: Mapping[str, Row] = {
    "ENABLE_OPENAI_API": ("openai.enable", flag),
    "OPENAI_API_BASE_URLS": ("openai.api_base_urls", parts),
    "OPENAI_API_KEYS": ("openai.api_keys", parts),
    "ENABLE_OLLAMA_API": ("ollama.enable", flag),
    "ENABLE_SIGNUP": ("ui.enable_signup", flag),
    "DEFAULT_USER_ROLE": ("ui.default_user_role", text),
    "DEFAULT_MODEL_PARAMS": ("models.default_params", json.loads),
    "DEFAULT_MODEL_METADATA": ("models.default_metadata", json.loads),
    "ENABLE_TITLE_GENERATION": ("task.title.enable", flag),
    "ENABLE_TAGS_GENERATION": ("task.tags.enable", flag),
    "ENABLE_FOLLOW_UP_GENERATION": ("task.follow_up.enable", flag),
    "ENABLE_AUTOCOMPLETE_GENERATION": ("task.autocomplete.enable", flag),
    "ENABLE_SEARCH_QUERY_GENERATION": ("task.query.search.enable", flag),
    "ENABLE_RETRIEVAL_QUERY_GENERATION": ("task.query.retrieval.enable", flag),
    "ENABLE_WEB_SEARCH": ("web.search.enable", flag),
    "WEB_SEARCH_ENGINE": ("web.search.engine", text),
    "SEARXNG_QUERY_URL": ("web.search.searxng_query_url", text),
    "WEB_SEARCH_RESULT_COUNT": ("web.search.result_count", int),
    "WEB_SEARCH_CONCURRENT_REQUESTS": ("web.search.concurrent_requests", int),
    "BYPASS_WEB_SEARCH_EMBEDDING_AND_RETRIEVAL": ("web.search.bypass_embedding_and_retrieval", flag),
    "BYPASS_WEB_SEARCH_WEB_LOADER": ("web.search.bypass_web_loader", flag),
    "BYPASS_EMBEDDING_AND_RETRIEVAL": ("rag.bypass_embedding_and_retrieval", flag),
    "RAG_EMBEDDING_ENGINE": ("rag.embedding_engine", text),
    "RAG_ALLOWED_FILE_EXTENSIONS": ("rag.file.allowed_extensions", names),
    "RAG_TEMPLATE": ("rag.template", text),
    "DEFAULT_INTERFACE_SETTINGS": ("ui.default_interface_settings", json.loads),
    "UI_VISIBILITY": ("ui.visibility", json.loads),
    "ENABLE_COMMUNITY_SHARING": ("ui.enable_community_sharing", flag),
    "ENABLE_EVALUATION_ARENA_MODELS": ("evaluation.arena.enable", flag),
    "ENABLE_CODE_EXECUTION": ("code_execution.enable", flag),
    "ENABLE_CODE_INTERPRETER": ("code_interpreter.enable", flag),
    "ENABLE_IMAGE_GENERATION": ("image_generation.enable", flag),
    "ENABLE_MEMORIES": ("memories.enable", flag),
    "ENABLE_NOTES": ("notes.enable", flag),
    "ENABLE_CALENDAR": ("calendar.enable", flag),
    "ENABLE_AUTOMATIONS": ("automations.enable", flag),
    "ENABLE_DIRECT_CONNECTIONS": ("direct.enable", flag),
}
"""Row key and type of each seed, as Open WebUI 0.12 stores them."""


def desired(env: Mapping[str, str]) -> dict[str, Any]:
    """The rows that the environment asks for. Raises `ValueError` for a value of the wrong type, naming it."""
    found = {}
    for variable, (key, kind) in ROWS.items():
        if variable in env:
            try:
                found[key] = kind(env[variable])
            except ValueError as error:
                raise ValueError(f"{variable}={env[variable]!r} cannot be read: {error}") from error
    return found
