"""Check what the runtime does when the context is full, and with reasoning, on the same model with a small context.

The prompts go through the runtime's own template, even where the model has its tokenizer beside it: with exact token
counts the server never reaches these limits.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Generator, Iterator

import msgspec

from services.boardcheck.finding import Finding
from services.boardcheck.model_client import ModelClient, Reply, describe_end, user_message
from services.core.errors import BadRequest, ContextOverflow, EngineFailed
from services.core.model import Model
from services.core.settings import Settings

CONTEXT = 512
"""Tokens: filled within seconds, and enough for a short reasoning."""

TOO_LONG = "word " * 2 * CONTEXT
COUNT = "Count from one to one thousand in words, and leave none out."
FILLED = 0.6
"""Share of the context that the prompt fills, so that the answer soon fills the rest."""

SHORT = "How much is two and three? Answer with the number alone."

TOKENIZER = "put the model's tokenizer.json and chat template beside it: with them the server avoids this"


def with_small_context(settings: Settings, model: Model) -> tuple[Settings, Model]:
    """Return the settings and the model for `check_limits`."""
    return msgspec.structs.replace(settings, npu_prompt="template"), dataclasses.replace(model, context_length=CONTEXT)


def check_limits(client: ModelClient) -> Iterator[Finding]:
    """Load the model and yield the findings. Blocks. Raises `ServiceError` when the engine fails unexpectedly."""
    client.load()
    counted = yield from check_long_prompt(client)
    yield check_reasoning(client)
    yield check_full_context(client, TOO_LONG[: int(FILLED * CONTEXT * len(TOO_LONG) / counted)])


def check_long_prompt(client: ModelClient) -> Generator[Finding, None, int]:
    """Yield whether the server understands how the runtime refuses a prompt longer than the context.

    Returns how many tokens the runtime counted in that prompt. Raises `ServiceError`.
    """
    name, needed = "prompt over the context", "a refusal with both numbers"
    try:
        client.ask(user_message(TOO_LONG))
        found = "it was answered"
    except ContextOverflow as error:
        most = client.run_info.get("prompt_limit", "an unknown number")
        found = f"refused: {error.prompt_tokens} tokens; at most {most} fit"
        yield Finding(name, "good", f"{found} ({describe_end(client.run_info)})")
        return error.prompt_tokens
    except BadRequest as error:
        found = error.message
    yield Finding(name, "bad", f"{found} ({describe_end(client.run_info)})", needed, TOKENIZER)
    return len(TOO_LONG.split())


def check_reasoning(client: ModelClient) -> Finding:
    """Return whether the model obeys ``enable_thinking`` and answers after its reasoning. Raises `ServiceError`."""
    thinking = client.ask(user_message(SHORT), thinking=True, max_tokens=CONTEXT)
    quiet = client.ask(user_message(SHORT), thinking=False)
    reasoning, closed, answer = thinking.text.partition("</think>")
    if closed and "<think>" not in reasoning:
        remedy = "set opens_reasoning: true in its model.yaml"
        return Finding("reasoning", "slow", "it ends without having begun", "an opening tag", remedy)
    if not reasoning.lstrip().startswith("<think>"):
        return Finding("reasoning", "good", "this model does not show any")
    if has_reasoning(quiet):
        found = "enable_thinking false did not keep it from reasoning"
        return Finding("reasoning", "slow", found, "an answer without reasoning", TOKENIZER)
    if not closed:
        return Finding("reasoning", "unknown", f"it did not end within {CONTEXT} tokens")
    if not answer.strip():
        found = f"no answer followed it ({describe_end(thinking.run_info)})"
        remedy = "use another runtime release, or enable_thinking false"
        return Finding("reasoning", "bad", found, "an answer", remedy)
    return Finding("reasoning", "good", "an answer follows it, and enable_thinking false is obeyed")


def has_reasoning(reply: Reply) -> bool:
    """Return whether the reply has a reasoning; templates write an empty pair of tags for none."""
    return bool(reply.text.partition("</think>")[0].replace("<think>", "", 1).strip()) and "<think>" in reply.text


def check_full_context(client: ModelClient, filler: str) -> Finding:
    """Return how an answer ends that fills the context, of which the text `filler` takes a part."""
    name, needed = "full context", "an answer that ends with the reason length"
    try:
        reply = client.ask(user_message(f"{filler}\n{COUNT}"), thinking=False, max_tokens=CONTEXT)
    except EngineFailed as error:
        return Finding(name, "slow", f"{error.message} ({describe_end(client.run_info)})", needed, TOKENIZER)
    usage = reply.done.usage
    if reply.done.finish_reason == "stop":
        found = f"the answer ended before it, after {usage.completion_tokens} tokens"
        return Finding(name, "unknown", found)
    filled = usage.prompt_tokens + usage.completion_tokens
    return Finding(name, "good", f"ended with {filled} of {CONTEXT} tokens ({describe_end(reply.run_info)})")
