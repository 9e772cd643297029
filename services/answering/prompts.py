"""Look at prompts without an answer: their texts, their lengths, how likely their tokens are."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import replace

import msgspec

from services.answering.plan import data_request
from services.answering.service import Service
from services.core.client import Client
from services.core.errors import BadRequest
from services.core.events import Done, Event, Notice, PromptToken, Usage
from services.core.model import Model
from services.core.request import GenerationRequest
from services.engines.registry import able_to_score

CAPABILITY = "completion"
"""What a model must be able to do."""


def texts(
    service: Service, prompts: Sequence[GenerationRequest], model: Model, client: Client
) -> Generator[Notice, None, list[str]]:
    """Return the text of each prompt; yield notices. Blocks where some are tokens: the engine makes the text of them.

    Raises what `Service.data` raises.
    """
    ids = tuple(prompt.prompt_ids for prompt in prompts)
    # Without tokens no engine is needed, and the request need not wait for the slot twice.
    if not any(ids):
        return [prompt.prompt or "" for prompt in prompts]
    found, _ = yield from service.data(data_request("detokenize", model, ids, client.trace.id), client)
    return [prompt.prompt or text for prompt, text in zip(prompts, found, strict=True)]


def not_continued(
    service: Service,
    generations: Sequence[GenerationRequest],
    model: Model,
    client: Client,
    *,
    choices: int = 1,
    ignored: Iterable[str] = (),
) -> Iterator[Iterator[Event]]:
    """Yield the events of each answer where none shall have a token, as `Service.answers` yields those of others.

    The events block, and raise what `Service.data` raises.
    """
    warnings = list(service.warnings([*ignored, *generations[0].unread]))
    for generation in generations:
        yield counted(service, model, generation, client, warnings)
        warnings = []
        # The tokens of a prompt count once, however many choices it has.
        yield from (iter([Done("length", Usage())]) for _ in range(choices - 1))


def counted(
    service: Service, model: Model, generation: GenerationRequest, client: Client, warnings: Iterable[Notice]
) -> Iterator[Event]:
    """Yield `warnings`, then the end of an answer without a token. Blocks; raises what `Service.data` raises."""
    yield from warnings
    length = yield from prompt_length(service, model, generation, client)
    yield Done("length", Usage(prompt_tokens=length))


def prompt_length(
    service: Service, model: Model, generation: GenerationRequest, client: Client
) -> Generator[Notice, None, int]:
    """Return the length in tokens of a chat's prompt, or of a raw one. Blocks; raises what `Service.data` raises."""
    if generation.prompt is None:
        return (yield from service.count_tokens(generation, model, client))
    if generation.prompt_ids:
        return len(generation.prompt_ids)
    request = data_request("tokenize", model, (generation.prompt,), client.trace.id, CAPABILITY)
    (found,), _ = yield from service.data(request, client)
    return len(found["ids"])


def scores(
    service: Service, prompts: Sequence[GenerationRequest], model: Model, client: Client
) -> Generator[Notice, None, list[list[PromptToken]]]:
    """Return how likely the tokens of each prompt are; yield notices. Blocks about as long as writing the prompts.

    Each prompt is a run of its own, so that others get the slot in between. Raises `BadRequest` if the engine cannot
    tell, and what `Service.data` raises.
    """
    if not able_to_score(model):
        raise BadRequest(
            f"The engine of {model.id!r} does not tell how likely the tokens of a prompt are, which echo with logprobs "
            "asks for. Leave one of the two out, or choose a GGUF model.",
            param="echo",
        )
    found = []
    for prompt in prompts:
        request = data_request("score", model, (prompt.prompt_ids or prompt.prompt or "",), client.trace.id, CAPABILITY)
        (tokens,), _ = yield from service.data(replace(request, generation=prompt), client)
        found.append(msgspec.convert(tokens, list[PromptToken]))
    return found
