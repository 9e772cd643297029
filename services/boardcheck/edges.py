"""What the runtime does at the edges of a context, and with reasoning: the same model once more, with a small context.

The prompts go through the runtime's own template, even where the model's tokenizer lies beside it: with exact tokens
the server keeps away from these edges by itself.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Generator, Iterator

import msgspec

from services.boardcheck.asking import Asker, Reply, ending, user
from services.boardcheck.finding import Finding
from services.core.errors import ContextOverflow, EngineFailed
from services.core.model import Model
from services.core.settings import Settings

CONTEXT = 512
"""Tokens: some seconds to fill, and room for a short reasoning."""

OVER = "word " * 2 * CONTEXT
COUNT = "Count from one to one thousand in words, and leave none out."
FILLED = 0.6
"""Share of the context that a prompt takes to fill it, so that not much is left to write."""

SHORT = "How much is two and three? Answer with the number alone."

TOKENIZER = "put the model's tokenizer.json and chat template beside it: then the server sees to this"


def small(settings: Settings, model: Model) -> tuple[Settings, Model]:
    """Settings and a model that meet the edges soon."""
    return msgspec.structs.replace(settings, npu_prompt="template"), dataclasses.replace(model, context_length=CONTEXT)


def edges(asker: Asker) -> Iterator[Finding]:
    """The findings. Blocks; raises `ServiceError` when the engine fails where it should not."""
    asker.load()
    refused = yield from long_prompt(asker)
    yield reasoning(asker)
    yield full(asker, OVER[: int(FILLED * CONTEXT * len(OVER) / refused)])


def long_prompt(asker: Asker) -> Generator[Finding, None, int]:
    """Whether the runtime's refusal of a prompt over the context is understood; returns how many tokens it counted."""
    name, needed = "prompt over the context", "a refusal with both numbers"
    try:
        reply = asker.ask(user(OVER))
    except ContextOverflow as error:
        found = f"refused: {error.prompt_tokens} tokens, of {error.context_length} at the most"
        yield Finding(name, "good", f"{found} ({ending(asker.told)})")
        return error.prompt_tokens
    yield Finding(name, "bad", f"it was answered ({ending(reply.told)})", needed, TOKENIZER)
    return len(OVER.split())


def reasoning(asker: Asker) -> Finding:
    """Whether the switch is obeyed, and whether an answer follows the reasoning."""
    thinks, quiet = asker.ask(user(SHORT), thinking=True, max_tokens=CONTEXT), asker.ask(user(SHORT), thinking=False)
    thought, closed, answer = thinks.text.partition("</think>")
    if closed and "<think>" not in thought:
        remedy = "set opens_reasoning: true in its model.yaml"
        return Finding("reasoning", "slow", "it ends without having begun", "an opening tag", remedy)
    if not thought.lstrip().startswith("<think>"):
        return Finding("reasoning", "good", "this model does not show any")
    if reasoned(quiet):
        found = "enable_thinking false did not keep it from reasoning"
        return Finding("reasoning", "slow", found, "an answer alone", TOKENIZER)
    if not closed:
        return Finding("reasoning", "unknown", f"it did not end within {CONTEXT} tokens")
    if not answer.strip():
        remedy = "use another runtime release, or enable_thinking false"
        return Finding("reasoning", "bad", f"no answer followed it ({ending(thinks.told)})", "an answer", remedy)
    return Finding("reasoning", "good", "an answer follows it, and enable_thinking false is obeyed")


def reasoned(reply: Reply) -> bool:
    """Whether there is more than an empty pair of tags."""
    return bool(reply.text.partition("</think>")[0].replace("<think>", "", 1).strip()) and "<think>" in reply.text


def full(asker: Asker, filler: str) -> Finding:
    """How an answer ends that fills the context, of which `filler` takes a part."""
    name, needed = "full context", "an answer that ends with the reason length"
    try:
        reply = asker.ask(user(f"{filler}\n{COUNT}"), thinking=False, max_tokens=CONTEXT)
    except EngineFailed as error:
        return Finding(name, "slow", f"{error.message} ({ending(asker.told)})", needed, TOKENIZER)
    usage = reply.done.usage
    if reply.done.finish_reason == "stop":
        found = f"the answer ended before it, after {usage.completion_tokens} tokens"
        return Finding(name, "unknown", found)
    filled = usage.prompt_tokens + usage.completion_tokens
    return Finding(name, "good", f"ended with {filled} of {CONTEXT} tokens ({ending(reply.told)})")
