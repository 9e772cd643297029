"""Convert the seeds of openwebui/service.yaml to rows of Open WebUI's database."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any


def flag(value: str) -> bool:
    """Return whether the value is ``true``."""
    return value.lower() == "true"


def split_semicolons(value: str) -> list[str]:
    """Return the parts between semicolons, as Open WebUI splits URLs and keys."""
    return value.split(";")


def split_commas(value: str) -> list[str]:
    """Return the non-empty parts between commas, without blanks."""
    return [part.strip() for part in value.split(",") if part.strip()]


Row = tuple[str, Callable[[str], Any]]
"""Key of a row, and the function that converts the variable's value; it raises `ValueError` for a wrong one."""

ROWS: Mapping[str, Row] = {
    "ENABLE_OPENAI_API": ("openai.enable", flag),
    "OPENAI_API_BASE_URLS": ("openai.api_base_urls", split_semicolons),
    "OPENAI_API_KEYS": ("openai.api_keys", split_semicolons),
    "ENABLE_OLLAMA_API": ("ollama.enable", flag),
    "ENABLE_SIGNUP": ("ui.enable_signup", flag),
    "DEFAULT_USER_ROLE": ("ui.default_user_role", str),
    "DEFAULT_MODEL_PARAMS": ("models.default_params", json.loads),
    "DEFAULT_MODEL_METADATA": ("models.default_metadata", json.loads),
    "ENABLE_TITLE_GENERATION": ("task.title.enable", flag),
    "ENABLE_TAGS_GENERATION": ("task.tags.enable", flag),
    "ENABLE_FOLLOW_UP_GENERATION": ("task.follow_up.enable", flag),
    "ENABLE_AUTOCOMPLETE_GENERATION": ("task.autocomplete.enable", flag),
    "ENABLE_SEARCH_QUERY_GENERATION": ("task.query.search.enable", flag),
    "ENABLE_RETRIEVAL_QUERY_GENERATION": ("task.query.retrieval.enable", flag),
    "QUERY_GENERATION_PROMPT_TEMPLATE": ("task.query.prompt_template", str),
    "ENABLE_WEB_SEARCH": ("web.search.enable", flag),
    "WEB_SEARCH_ENGINE": ("web.search.engine", str),
    "SEARXNG_QUERY_URL": ("web.search.searxng_query_url", str),
    "WEB_SEARCH_RESULT_COUNT": ("web.search.result_count", int),
    "WEB_SEARCH_CONCURRENT_REQUESTS": ("web.search.concurrent_requests", int),
    "BYPASS_WEB_SEARCH_EMBEDDING_AND_RETRIEVAL": ("web.search.bypass_embedding_and_retrieval", flag),
    "BYPASS_WEB_SEARCH_WEB_LOADER": ("web.search.bypass_web_loader", flag),
    "BYPASS_EMBEDDING_AND_RETRIEVAL": ("rag.bypass_embedding_and_retrieval", flag),
    "RAG_EMBEDDING_ENGINE": ("rag.embedding_engine", str),
    "RAG_ALLOWED_FILE_EXTENSIONS": ("rag.file.allowed_extensions", split_commas),
    "RAG_TEMPLATE": ("rag.template", str),
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
"""Row of each seed by its variable, as Open WebUI 0.12 stores them."""


def desired(env: Mapping[str, str]) -> dict[str, Any]:
    """Return the rows for the variables that are set. Raises `ValueError` for a wrong value; the message names it."""
    rows = {}
    for variable, (key, convert) in ROWS.items():
        if variable in env:
            try:
                rows[key] = convert(env[variable])
            except ValueError as error:
                raise ValueError(f"{variable}={env[variable]!r} cannot be read: {error}. Correct it.") from error
    return rows
