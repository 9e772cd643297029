"""Define what a client asks for (`GenerationRequest`) and what an engine is to do (`EngineRequest`)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from services.core.message import Messages
from services.core.model import Model
from services.core.sampling import Sampling


@dataclass(frozen=True, slots=True)
class Tool:
    """A function that the model may call."""

    name: str
    description: str = ""
    parameters: dict[str, Any] = field(default_factory=dict)
    """The JSON schema of its arguments; ``{}`` allows any object."""
    strict: bool = False
    """Whether the arguments of each call must satisfy it, also of a call that nobody demanded."""


@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """What a client of any dialect asks for: an answer in a chat, or the continuation of a raw prompt."""

    messages: Messages = ()
    """The chat as the client sent it; empty for a raw prompt."""
    prompt: str | None = None
    """A raw prompt, continued without a chat template; None for a chat."""
    prompt_ids: tuple[int, ...] = ()
    """A raw prompt as token ids; `prompt` is empty then."""
    max_tokens: int | None = None
    sampling: Sampling = field(default_factory=Sampling)
    stop: tuple[str, ...] = ()
    logprobs: int | None = None
    """Number of alternatives per token (0 to 20); None for no logprobs."""
    json_schema: dict[str, Any] | None = None
    """The schema that the answer must satisfy; ``{}`` for any JSON object."""
    schema_strict: bool = False
    """Whether an answer that does not satisfy the schema becomes a `Refusal` instead of an error."""
    thinking: bool | None = None
    """True or False if the client chose; None leaves it to the model."""
    template_kwargs: dict[str, Any] = field(default_factory=dict)
    """Further variables for the chat template."""
    tools: tuple[Tool, ...] = ()
    """The tools that may be called. For a call of one certain function, this has only that one, with
    `call_required`; for ``tool_choice: none`` it is empty."""
    call_required: bool = False
    """Whether the answer must call at least one of `tools`."""
    parallel_calls: bool = True
    """Whether the answer may have several calls."""
    rag: bool = True
    """False if the client wants its sources sent unchanged."""
    low_priority: bool = False
    """Whether it runs after interactive requests."""
    keep_alive: float | None = None
    """Seconds that the model stays loaded afterwards. 0 unloads it at once, infinity keeps it; None, and for a caller
    without admin rights: the server's setting."""

    @property
    def unread(self) -> list[str]:
        """Return what of the conversation could not be read and is left out, in a client's words."""
        broken = any(call.unread for each in self.messages for call in each.calls)
        return ["arguments of an earlier call"] if broken else []


Kind = Literal["chat", "completion", "embedding", "rerank", "tokenize", "detokenize", "count", "score"]
"""The result of a request: an answer (``chat``, ``completion``), or data.

- ``embedding``: for each input a list of floats
- ``rerank``: for each input but the first, which is the query, its score; higher is more relevant
- ``tokenize``: for each input its tokens, as a list of ``ids`` and one of ``texts``; for a chat, those of its prompt
- ``detokenize``: for each input, a list of ids, its text
- ``count``: the number of tokens of a chat's prompt
- ``score``: for each input its tokens as `PromptToken`s, with as many alternatives as the generation's `logprobs`"""

NO_GENERATION = GenerationRequest()
"""The generation of requests for data."""


@dataclass(frozen=True, slots=True)
class EngineRequest:
    """One run of one model: everything an engine needs, and nothing of HTTP."""

    id: str
    """The id of the HTTP request, for the logs."""
    model: Model
    kind: Kind
    generation: GenerationRequest = NO_GENERATION
    """What the client asked for. The fields below are what differs from it once the model is known."""
    messages: Messages = ()
    """The chat as it is sent: with the model's system prompt, the selected sources, and the text that describes
    tools."""
    max_tokens: int = 1
    sampling: Sampling = field(default_factory=Sampling)
    """The client's parameters, with the model's defaults for the others."""
    answer_schema: dict[str, Any] | None = None
    """The schema that the text of the answer must satisfy; ``{}`` for any JSON object. None leaves it free."""
    grammar: str = ""
    """The rules of the grammar that the engine enforces while the answer is generated (`chat.tools.grammar`); empty
    without one."""
    hold_back: bool = False
    """Whether the answer is held back until it is checked, because no grammar enforces all that was promised."""
    template_kwargs: dict[str, Any] = field(default_factory=dict)
    """Variables of the chat template, including the tools."""
    prompt_tokens_estimate: int = 0
    """Upper estimate of the prompt's length in tokens. It only scales the time limit for the first token."""
    tools: tuple[Tool, ...] = ()
    """The tools that may be called. The prompt describes them already, in `messages` or in `template_kwargs`."""
    tool_family: str = ""
    """How the model writes calls: the name of a family in `services.chat.tools.families`; empty without tools."""
    check_call: bool = False
    """Whether the answer must call a tool, with arguments of its schema."""
    sources_used: bool = False
    """Whether the prompt contains selected sources, so that the answer may be cached."""
    low_priority: bool = False
    """Whether it runs after interactive requests."""
    inputs: tuple[str | tuple[int, ...], ...] = ()
    """The inputs of a request for data; empty for others."""
    special_tokens: bool = True
    """Whether a tokenized text begins as the model's prompts do (with a BOS token, if it has one)."""

    @property
    def prompt(self) -> str:
        """Return the raw prompt; empty for a chat and for a prompt of token ids."""
        return self.generation.prompt or ""

    @property
    def has_form(self) -> bool:
        """Return whether the whole answer must have a certain form."""
        return self.answer_schema is not None or self.check_call

    @property
    def has_promise(self) -> bool:
        """Return whether something was promised of the answer, or of the calls that it may have."""
        return self.has_form or any(tool.strict for tool in self.tools)

    @property
    def checked_parameter(self) -> str:
        """Return OpenAI's name of the parameter that the answer is checked for."""
        if self.check_call:
            return "tool_choice"
        return "tools" if self.answer_schema is None else "response_format"
