"""What a client asks for (`GenerationRequest`), in no dialect, and what an engine is told to do (`EngineRequest`)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from services.core.message import Messages
from services.core.model import Model
from services.core.sampling import Sampling


@dataclass(frozen=True, slots=True)
class Tool:
    """A function the model may want called."""

    name: str
    description: str = ""
    parameters: dict[str, Any] = field(default_factory=dict)
    """The JSON schema of its arguments; ``{}`` for any object."""


@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """What any dialect's client may ask for: a chat, or the continuation of a raw prompt."""

    messages: Messages = ()
    """The chat as the client sent it; empty for a raw prompt."""
    prompt: str | None = None
    """A raw prompt, continued without any chat template; None for a chat."""
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
    """Whether an answer that cannot be made to satisfy the schema is a `Refusal`, and no error."""
    thinking: bool | None = None
    """True or False where the client said so; None leaves it to the model."""
    template_kwargs: dict[str, Any] = field(default_factory=dict)
    """Further variables for the chat template."""
    tools: tuple[Tool, ...] = ()
    """What may be called. A client that wants one function called offers that one alone, with `call_required`; one that
    wants none called offers none."""
    call_required: bool = False
    """Whether the answer must call at least one of `tools`."""
    parallel_calls: bool = True
    """Whether the answer may call several at once."""
    rag: bool = True
    """False where the client wants its sources sent as they are."""
    low_priority: bool = False
    """Whether it runs after the requests that somebody waits for."""
    keep_alive: float | None = None
    """Seconds the model stays loaded afterwards: 0 unloads it at once, infinite keeps it; None: the server's limit."""


Kind = Literal["chat", "completion", "embedding", "rerank", "tokenize", "detokenize", "count"]
"""What a request wants: an answer (``chat``, ``completion``), or data.

- ``embedding``: per input a list of floats
- ``rerank``: per input but the first, which is the query, its score: the higher, the nearer
- ``tokenize``: per input its tokens, as a list of ``ids`` and one of ``texts``; of a chat, those of its one prompt
- ``detokenize``: per input, a list of ids, its text
- ``count``: how many tokens the prompt of a chat has
"""

NO_GENERATION = GenerationRequest()
"""For requests that want data."""


@dataclass(frozen=True, slots=True)
class EngineRequest:
    """One run of one model: everything an engine needs, nothing of HTTP."""

    id: str
    """The HTTP request's, for the logs."""
    model: Model
    kind: Kind
    generation: GenerationRequest = NO_GENERATION
    """What the client asked for. The fields below say what differs from it once the model is known."""
    messages: Messages = ()
    """The chat as it is sent: with the model's system prompt, the selected sources, the text that describes tools."""
    max_tokens: int = 1
    sampling: Sampling = field(default_factory=Sampling)
    """The client's, filled up with the model's defaults."""
    json_schema: dict[str, Any] | None = None
    """What a grammar holds the answer to while it is written."""
    answer_schema: dict[str, Any] | None = None
    """What the finished answer is checked against, where no grammar makes sure of it."""
    template_kwargs: dict[str, Any] = field(default_factory=dict)
    """Variables of the chat template, its tools among them."""
    prompt_tokens_estimate: int = 0
    """Upper estimate of the prompt's length in tokens; scales the first-token limit, nothing else."""
    tools: tuple[Tool, ...] = ()
    """What may be called. The prompt describes them already, in `messages` or in `template_kwargs`."""
    tool_family: str = ""
    """How the model writes its calls: the name of a family in `services.chat.tools.families`; empty without tools."""
    check_call: bool = False
    """Whether the answer must call a tool, and no grammar makes it."""
    sources_used: bool = False
    """Whether the prompt holds selected sources, so that the same answer may be given to the same question."""
    low_priority: bool = False
    """Whether it runs after the requests that somebody waits for."""
    inputs: tuple[str | tuple[int, ...], ...] = ()
    """What a request that wants data is about; empty for all others."""
    special_tokens: bool = True
    """Whether a tokenized text begins as the model's prompts do (a BOS token, where it has one)."""

    @property
    def prompt(self) -> str:
        """Return the raw prompt, empty for a chat and for a prompt of token ids."""
        return self.generation.prompt or ""

    @property
    def demanded(self) -> str:
        """Return OpenAI's name of the parameter that the answer must satisfy and no grammar enforces."""
        return "tool_choice" if self.check_call else "response_format"
