"""What a client asks for (`GenerationRequest`), in no dialect, and what an engine is told to do (`EngineRequest`)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from services.core.model import Model


@dataclass(frozen=True, slots=True)
class Sampling:
    """Sampling parameters; None means the model's default (its ``model.yaml``, else the engine's)."""

    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    min_p: float | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    repeat_penalty: float | None = None
    seed: int | None = None
    logit_bias: dict[str, float] | None = None


@dataclass(frozen=True, slots=True)
class Tool:
    """A function the model may want called."""

    name: str
    description: str = ""
    parameters: dict[str, Any] = field(default_factory=dict)
    """JSON schema of its arguments; ``{}`` for any object."""


@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """A request as any dialect means it."""

    model: str
    """Id or alias, as the client wrote it."""
    messages: tuple[dict[str, Any], ...] = ()
    """Chat messages with text content (``role``, ``content``, and what the role needs); empty for a raw prompt."""
    prompt: str | None = None
    """A raw prompt, completed without any chat template; None for a chat."""
    prompt_ids: tuple[int, ...] = ()
    """A raw prompt as the ids of its tokens; `prompt` is empty then."""
    max_tokens: int | None = None
    sampling: Sampling = field(default_factory=Sampling)
    stop: tuple[str, ...] = ()
    logprobs: int | None = None
    """How many alternatives per token (0 to 20); None for no logprobs."""
    json_schema: dict[str, Any] | None = None
    """The schema the answer must satisfy; ``{}`` for any JSON object."""
    schema_strict: bool = False
    """An answer that cannot be made to satisfy the schema is a `Refusal`, and no error."""
    thinking: bool | None = None
    """True or False where the client said so; None leaves it to the model."""
    template_kwargs: dict[str, Any] = field(default_factory=dict)
    """Further variables for the chat template."""
    tools: tuple[Tool, ...] = ()
    """What may be called. A client that wants one function called offers that one alone, with `call_required`; one that
    wants none called offers none."""
    call_required: bool = False
    """The answer must call at least one of `tools`."""
    parallel_calls: bool = True
    """The answer may call several at once."""
    rag: bool = True
    """False where the client wants its sources sent as they are."""
    unprepared: tuple[dict[str, Any], ...] = ()
    """The messages as the client sent them, where `messages` hold what was selected of their sources; else empty."""
    background: bool = False
    """Nobody waits for it: it lets those go first whom somebody waits for."""
    keep_alive: float | None = None
    """Seconds the model stays loaded afterwards: 0 unloads it at once, infinite keeps it; None: the server's limit."""


Kind = Literal["chat", "completion", "embedding", "rerank", "tokenize", "detokenize", "count"]
"""What a job wants: an answer (``chat``, ``completion``), or data.

- ``embedding``: per input a list of floats
- ``rerank``: per input but the first, which is the query, its score: the higher, the nearer
- ``tokenize``: per input its tokens, as a list of ``ids`` and one of ``texts``; of a chat, those of its one prompt
- ``detokenize``: per input, a list of ids, its text
- ``count``: how many tokens the prompt of a chat has
"""


@dataclass(frozen=True, slots=True)
class EngineRequest:
    """One run of one model: everything an engine needs, nothing of HTTP."""

    id: str
    """The request's id, for the logs."""
    model: Model
    kind: Kind
    messages: tuple[dict[str, Any], ...]
    prompt: str
    max_tokens: int
    sampling: Sampling
    stop: tuple[str, ...]
    logprobs: int | None
    json_schema: dict[str, Any] | None
    template_kwargs: dict[str, Any]
    prompt_tokens_estimate: int
    """Upper estimate of the prompt's length in tokens; scales the first-token limit, nothing else."""
    tools: tuple[Tool, ...] = ()
    """What may be called. The prompt tells of them already, in `messages` or in `template_kwargs`."""
    tool_family: str = ""
    """How the model writes its calls: a key of `chat.tools.scan.FAMILIES`; empty without tools."""
    check_call: bool = False
    """The answer must call a tool, and no grammar makes it."""
    parallel_calls: bool = True
    answer_schema: dict[str, Any] | None = None
    """What the answer is held against where no grammar makes sure of it: `json_schema`, if any, is not all of it."""
    schema_strict: bool = False
    """As in `GenerationRequest`."""
    inputs: tuple[str | tuple[int, ...], ...] = ()
    """What a job that wants data is about; empty for all others."""
    prompt_ids: tuple[int, ...] = ()
    """The raw prompt where it is given as the ids of its tokens; `prompt` is empty then."""
    special_tokens: bool = True
    """Whether a tokenized text begins as the model's prompts do (a BOS token, where it has one)."""
    sources_used: bool = False
    """Whether the prompt holds selected sources, so that the same answer may be given to the same question."""
    background: bool = False
    """Lets all others go first."""
    keep_alive: float | None = None
    """As in `GenerationRequest`."""

    @property
    def demanded(self) -> str:
        """The parameter that the answer must satisfy and no grammar makes it, by OpenAI's name."""
        return "tool_choice" if self.check_call else "response_format"
