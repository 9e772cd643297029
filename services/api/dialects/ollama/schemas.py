"""What the server answers to Ollama's clients, typed; see schemas.py."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import UNSET, UnsetType

from services.api.dialects.openai.schemas import Count, Exact, TokenLogprob


class Function(Exact):
    index: Count
    name: str
    arguments: dict[str, Any]


class Call(Exact):
    id: str
    function: Function


class Said(Exact):
    role: Literal["assistant"]
    content: str
    thinking: str | UnsetType = UNSET
    tool_calls: list[Call] | UnsetType = UNSET


class Answered(Exact):
    """What every object of an answer has; the numbers are the last one's, in tokens and nanoseconds."""

    model: str
    created_at: str
    done: bool
    done_reason: Literal["stop", "length", "load", "unload", "error"] | UnsetType = UNSET
    waiting: str | UnsetType = UNSET
    """What it waits for, where there is nothing to say yet."""
    logprobs: list[TokenLogprob] | UnsetType = UNSET
    total_duration: Count | UnsetType = UNSET
    load_duration: Count | UnsetType = UNSET
    prompt_eval_count: Count | UnsetType = UNSET
    prompt_eval_duration: Count | UnsetType = UNSET
    eval_count: Count | UnsetType = UNSET
    eval_duration: Count | UnsetType = UNSET


class Chatted(Answered, kw_only=True):
    message: Said


class Generated(Answered, kw_only=True):
    response: str
    thinking: str | UnsetType = UNSET
    tool_calls: list[Call] | UnsetType = UNSET


class Details(Exact):
    parent_model: str
    format: str
    family: str
    families: list[str]
    parameter_size: str
    quantization_level: str
    context_length: Count


class Identity(Exact):
    name: str
    model: str
    size: Count
    digest: str
    details: Details


class Tagged(Identity):
    modified_at: str
    capabilities: list[str]


class TagList(Exact):
    models: list[Tagged]


class RunningModel(Identity):
    expires_at: str
    size_vram: Count
    context_length: Count


class RunningList(Exact):
    models: list[RunningModel]


class Shown(Exact):
    details: Details
    model_info: dict[str, Any]
    capabilities: list[str]
    modified_at: str
    license: str | UnsetType = UNSET
    parameters: str | UnsetType = UNSET
    template: str | UnsetType = UNSET
    system: str | UnsetType = UNSET


class Release(Exact):
    version: str


class PullStatus(Exact):
    """How far it is; the last one says ``success``."""

    status: str
    digest: str | UnsetType = UNSET
    total: Count | UnsetType = UNSET
    completed: Count | UnsetType = UNSET


class Embedded(Exact):
    model: str
    embeddings: list[list[float]]
    total_duration: Count
    load_duration: Count
    prompt_eval_count: Count


class Vector(Exact):
    embedding: list[float]
