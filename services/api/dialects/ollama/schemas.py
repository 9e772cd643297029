"""Define what the answers of Ollama's API, the lines of its streams and its errors are made of."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import UNSET, UnsetType

from services.api.dialects.common.schema import AnswerStruct, Count
from services.core.events import TokenLogprob

DoneReason = Literal["stop", "length", "load", "unload", "error"]


class OllamaError(AnswerStruct):
    """An error as Ollama's clients read it."""

    error: str


class OllamaCalledFunction(AnswerStruct):
    """A function and its arguments."""

    index: Count
    name: str
    arguments: dict[str, Any]


class OllamaToolCall(AnswerStruct):
    """A call of a tool."""

    id: str
    function: OllamaCalledFunction


class OllamaMessage(AnswerStruct):
    """The message of a chat's answer, or a piece of it."""

    role: Literal["assistant"]
    content: str
    thinking: str | UnsetType = UNSET
    tool_calls: list[OllamaToolCall] | UnsetType = UNSET


class OllamaAnswer(AnswerStruct):
    """What every object of an answer has. Only the last one has the numbers, in tokens and nanoseconds."""

    model: str
    created_at: str
    done: bool
    done_reason: DoneReason | UnsetType = UNSET
    logprobs: list[TokenLogprob] | UnsetType = UNSET
    total_duration: Count | UnsetType = UNSET
    load_duration: Count | UnsetType = UNSET
    prompt_eval_count: Count | UnsetType = UNSET
    prompt_eval_duration: Count | UnsetType = UNSET
    eval_count: Count | UnsetType = UNSET
    eval_duration: Count | UnsetType = UNSET


class OllamaChatAnswer(OllamaAnswer, kw_only=True):
    """A chat's answer, or one line of its stream."""

    message: OllamaMessage


class OllamaGenerateAnswer(OllamaAnswer, kw_only=True):
    """The answer to a prompt, or one line of its stream."""

    response: str
    thinking: str | UnsetType = UNSET
    tool_calls: list[OllamaToolCall] | UnsetType = UNSET


class OllamaModelDetails(AnswerStruct):
    """What the files of a model say; a field is empty where they say nothing."""

    parent_model: str
    format: str
    family: str
    families: list[str]
    parameter_size: str
    quantization_level: str
    context_length: Count


class OllamaModelEntry(AnswerStruct):
    """What every entry of a list of models has."""

    name: str
    model: str
    size: Count
    digest: str
    details: OllamaModelDetails


class OllamaListedModel(OllamaModelEntry):
    """A model on disk."""

    modified_at: str
    capabilities: list[str]


class OllamaModelList(AnswerStruct):
    """All models on disk."""

    models: list[OllamaListedModel]


class OllamaRunningModel(OllamaModelEntry):
    """A loaded model."""

    expires_at: str
    size_vram: Count
    context_length: Count


class OllamaRunningList(AnswerStruct):
    """All loaded models."""

    models: list[OllamaRunningModel]


class OllamaShownModel(AnswerStruct):
    """All that is known of one model."""

    details: OllamaModelDetails
    model_info: dict[str, Any]
    capabilities: list[str]
    modified_at: str
    modelfile: str
    parameters: str
    license: str | UnsetType = UNSET
    template: str | UnsetType = UNSET
    system: str | UnsetType = UNSET


class OllamaVersion(AnswerStruct):
    """The release of Ollama whose API this is."""

    version: str


class OllamaPullStatus(AnswerStruct):
    """How far a download is; the last one says ``success``."""

    status: str
    digest: str | UnsetType = UNSET
    total: Count | UnsetType = UNSET
    completed: Count | UnsetType = UNSET


class OllamaEmbedAnswer(AnswerStruct):
    """A vector for each text."""

    model: str
    embeddings: list[list[float]]
    total_duration: Count
    load_duration: Count
    prompt_eval_count: Count


class OllamaEmbeddingsAnswer(AnswerStruct):
    """One vector, empty without a prompt."""

    embedding: list[float]
