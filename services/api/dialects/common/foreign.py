"""Know the parameters of other servers (llama.cpp, vLLM, SGLang, LM Studio, Ollama) that clients send to any dialect.

They change the answer, so none of them is dropped without a word: aliases and schemas are honoured, the others are
named in the warning. Labels and hints about caches or order change no answer, and stay unknown.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from services.api.dialects.common.bounds import Object, TopK
from services.api.dialects.common.parameters import NeutralValues, requested
from services.chat.schemas.checks import bounded_json
from services.core.errors import BadRequest
from services.core.sampling import Sampling

Schema = dict[str, Any]
ForeignSchema = Object | Annotated[str, Meta(max_length=2**20)]


class StructuredOutputs(Struct):
    """State what an answer must be like, in vLLM's words."""

    json: ForeignSchema | None = None
    json_object: bool | None = None
    regex: Any = None
    choice: Any = None
    grammar: Any = None
    structural_tag: Any = None


class ForeignParameters(Sampling, frozen=True, kw_only=True):
    """Parameters of other servers, behind all sampling parameters. Those of the type `Any` have no effect."""

    top_k: TopK | None = None
    repetition_penalty: Annotated[float, Meta(gt=0, le=10)] | None = None
    random_seed: Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)] | None = None

    json_schema: ForeignSchema | None = None
    guided_json: ForeignSchema | None = None
    structured_outputs: StructuredOutputs | None = None

    grammar: Any = None
    guided_grammar: Any = None
    guided_regex: Any = None
    guided_choice: Any = None
    structural_tag: Any = None
    regex: Any = None
    ebnf: Any = None
    ignore_eos: Any = None
    min_tokens: Any = None
    min_new_tokens: Any = None
    stop_token_ids: Any = None
    include_stop_str_in_output: Any = None
    bad_words: Any = None
    banned_tokens: Any = None
    allowed_token_ids: Any = None
    logits_processors: Any = None
    skip_special_tokens: Any = None
    prompt_logprobs: Any = None
    truncate_prompt_tokens: Any = None
    add_generation_prompt: Any = None
    chat_template: Any = None
    documents: Any = None
    include_reasoning: Any = None
    reasoning_format: Any = None
    reasoning_budget: Any = None
    thinking_budget: Any = None
    thinking_budget_tokens: Any = None
    thinking_token_budget: Any = None
    safe_prompt: Any = None
    samplers: Any = None
    typical_p: Any = None
    tfs_z: Any = None
    top_a: Any = None
    top_n_sigma: Any = None
    mirostat: Any = None
    mirostat_mode: Any = None
    dry_multiplier: Any = None
    xtc_probability: Any = None
    dynatemp_range: Any = None
    repeat_last_n: Any = None
    penalize_nl: Any = None
    length_penalty: Any = None
    use_beam_search: Any = None
    num_beams: Any = None
    do_sample: Any = None
    continue_final_message: Any = None
    prefix: Any = None
    schema: Any = None
    n_predict: Any = None
    num_predict: Any = None
    max_new_tokens: Any = None
    n_probs: Any = None
    t_max_predict_ms: Any = None
    lora: Any = None
    options: Any = None
    format: Any = None
    extra_body: Any = None


SCHEMAS = ("json_schema", "guided_json")
"""Fields that are a schema."""

IGNORED: NeutralValues = {
    "grammar": (None, ""),
    "guided_grammar": (None, ""),
    "guided_regex": (None, ""),
    "guided_choice": (None, []),
    "structural_tag": (None, ""),
    "regex": (None, ""),
    "ebnf": (None, ""),
    "ignore_eos": (None, False),
    "min_tokens": (None, 0),
    "min_new_tokens": (None, 0),
    "stop_token_ids": (None, []),
    "include_stop_str_in_output": (None, False),
    "bad_words": (None, []),
    "banned_tokens": (None, [], ""),
    "allowed_token_ids": (None, []),
    "logits_processors": (None, []),
    "skip_special_tokens": (None, True),
    "prompt_logprobs": (None,),
    "truncate_prompt_tokens": (None,),
    "add_generation_prompt": (None, True),
    "chat_template": (None, ""),
    "documents": (None, []),
    "include_reasoning": (None, True),
    "reasoning_format": (None, "auto", "deepseek"),
    "reasoning_budget": (None, -1),
    "thinking_budget": (None, -1),
    "thinking_budget_tokens": (None, -1),
    "thinking_token_budget": (None, -1),
    "safe_prompt": (None, False),
    "samplers": (None, []),
    "typical_p": (None, 1),
    "tfs_z": (None, 1),
    "top_a": (None, 0),
    "top_n_sigma": (None, -1, 0),
    "mirostat": (None, 0),
    "mirostat_mode": (None, 0),
    "dry_multiplier": (None, 0),
    "xtc_probability": (None, 0),
    "dynatemp_range": (None, 0),
    "repeat_last_n": (None, 64),
    "penalize_nl": (None, False),
    "length_penalty": (None, 1),
    "use_beam_search": (None, False),
    "num_beams": (None, 1),
    "do_sample": (None, True),
    "continue_final_message": (None, False),
    "prefix": (None, "", False),
    "schema": (None, {}, ""),
    "n_predict": (None, -1),
    "num_predict": (None, -1),
    "max_new_tokens": (None,),
    "n_probs": (None, 0),
    "t_max_predict_ms": (None, 0, -1),
    "lora": (None, []),
    "options": (None, {}),
    "format": (None, ""),
    "extra_body": (None, {}),
}
"""Parameters without effect; a value that asks for something is named in the warning."""

STRUCTURED_IGNORED: NeutralValues = dict.fromkeys(("regex", "choice", "grammar", "structural_tag"), (None,))
"""The same for the fields of ``structured_outputs``."""


def ignored(request: ForeignParameters, prefix: str = "", own: Collection[str] = ()) -> list[str]:
    """Return the names of other servers' parameters with which `request` asks for what this server does not do.

    Each is behind `prefix`; names that are the dialect's `own` are not among them.
    """
    table = {name: values for name, values in IGNORED.items() if name not in own}
    structured = requested(request.structured_outputs, STRUCTURED_IGNORED, f"{prefix}structured_outputs.")
    return requested(request, table, prefix) + structured


def schema_of(request: ForeignParameters, own: Iterable[tuple[str, Schema]]) -> Schema | None:
    """Return the JSON schema that the answer must satisfy: the dialect's `own` one, or that of another server's field.

    `own` has each schema with the name of its field. ``{}`` is any object, None free text. Raises `BadRequest` for two
    that differ, and for one that is no object.
    """
    found = [*own, *foreign_schemas(request)]
    for name, schema in found[1:]:
        if schema != found[0][1]:
            raise BadRequest(f"{name} is not the only schema of the request, and they differ; send one.", param=name)
    return found[0][1] if found else None


def foreign_schemas(request: ForeignParameters) -> Iterator[tuple[str, Schema]]:
    """Yield the schemas in other servers' fields, each with the name of its field. Raises `BadRequest`."""
    for name in SCHEMAS:
        if (sent := getattr(request, name)) not in (None, ""):
            yield name, schema_object(sent, name)
    structured = request.structured_outputs or StructuredOutputs()
    if structured.json is not None:
        yield "structured_outputs.json", schema_object(structured.json, "structured_outputs.json")
    elif structured.json_object:
        yield "structured_outputs.json_object", {}


def schema_object(sent: ForeignSchema, name: str) -> Schema:
    """Return a schema, which may be sent as its text. Raises `BadRequest` for no object, and one that is too large."""
    try:
        found = sent if isinstance(sent, dict) else msgspec.json.decode(sent, type=Schema)
    except (ValueError, RecursionError) as error:
        raise BadRequest(f"{name} is not the text of a JSON object; send a JSON schema.", param=name) from error
    return dict(bounded_json(found, name))
