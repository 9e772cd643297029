"""List the parameters without effect: of this server's other dialects, and of llama.cpp, vLLM, SGLang, TGI and others.

A dialect that has a parameter of such a name defines it again, and all others name it where it asks for something.
"""

from __future__ import annotations

from typing import Any

from services.api.dialects.common.parameters import NeutralValues
from services.core.sampling import Sampling

UNSET = (None,)
EMPTY: tuple[Any, ...] = (None, "", [], {})
OFF = (None, False)
"""0 as well, which equals it."""
ON = (None, True)
"""1 as well."""

IGNORED: NeutralValues = {
    **dict.fromkeys((
        "adapter_id", "allowed_token_ids", "bad_words", "banned_strings", "banned_tokens", "chat_history",
        "chat_template", "chat_template_kwargs", "compaction", "context", "context_management",
        "custom_logit_processor", "custom_token_bans", "documents", "ebnf", "extra_body", "format", "functions",
        "grammar", "grammar_string", "guided_choice", "guided_grammar", "guided_regex",
        "guided_whitespace_pattern", "image_data", "images", "include", "input", "inputs",
        "instruction_template", "instructions", "logits_processors", "logprob_token_ids", "lora", "lora_path",
        "mcp_servers", "messages", "negative_prompt", "options", "output_config", "parameters", "personality",
        "plugins", "preamble", "previous_response_id", "prompt", "prompt_embeds", "reasoning", "regex",
        "response_fields", "sampler_order", "sampler_priority", "samplers", "schema", "stop", "stop_regex",
        "stop_sequence", "stop_sequences", "stop_token_ids", "structural_tag", "suffix", "system", "template",
        "thinking", "thread", "tool_prompt", "tools", "transforms",
    ), EMPTY),
    **dict.fromkeys((
        "add_special_tokens", "background", "ban_eos_token", "continue_final_message", "dry_multiplier",
        "dynamic_temperature", "dynatemp_range", "echo", "epsilon_cutoff", "eta_cutoff", "ignore_eos",
        "include_stop_str_in_output", "logprobs", "min_new_tokens", "min_tokens", "mirostat", "mirostat_mode",
        "n_indent", "n_probs", "no_repeat_ngram_size", "no_stop_trim", "penalize_nl", "penalty_alpha",
        "post_sampling_probs", "raw", "return_full_text", "return_hidden_states", "return_progress",
        "return_token_ids", "return_tokens", "return_tokens_as_token_ids", "safe_prompt", "shift",
        "smoothing_factor", "timings_per_token", "top_a", "top_logprobs", "top_n_tokens", "truncate",
        "use_beam_search", "watermark", "xtc_probability",
    ), OFF),
    **dict.fromkeys((
        "add_generation_prompt", "best_of", "do_sample", "encoder_repetition_penalty", "guidance_scale",
        "include_reasoning", "length_penalty", "n", "num_beams", "parallel_tool_calls", "rep_pen",
        "separate_reasoning", "skip_special_tokens", "spaces_between_special_tokens", "tfs_z", "typical_p",
    ), ON),
    **dict.fromkeys((
        "audio", "container", "conversation", "enable_thinking", "max_completion_tokens", "max_length",
        "max_new_tokens", "max_output_tokens", "max_tokens", "num_ctx", "output_format", "prediction",
        "prompt_logprobs", "prompt_mode", "reasoning_effort", "repetition_penalty_range", "think",
        "truncate_prompt_tokens", "web_search_options",
    ), UNSET),
    "dimensions": (None,),
    "encoding_format": (None, "float"),
    "function_call": (None, "auto"),
    "modalities": (None, [], ["text"]),
    "n_predict": (None, -1),
    "num_predict": (None, -1),
    "prefix": (None, "", False),
    "reasoning_budget": (None, -1),
    "reasoning_format": (None, "auto", "deepseek"),
    "repeat_last_n": (None, 64),
    "response_format": (None, {"type": "text"}),
    "t_max_predict_ms": (None, 0, -1),
    "text": (None, "", {}, {"format": {"type": "text"}}),
    "thinking_budget": (None, -1),
    "thinking_budget_tokens": (None, -1),
    "thinking_token_budget": (None, -1),
    "tool_choice": (None, "auto", {"type": "auto"}),
    "top_n_sigma": (None, -1, 0),
    "truncation": (None, "disabled"),
    "verbosity": (None, "medium"),
}  # fmt: skip
"""The parameters, each with the values that ask for nothing; another value is named in the warning."""


class ForeignFields(Sampling, frozen=True, kw_only=True):
    """Parameters without effect. A dialect that has one of such a name defines the field again."""

    adapter_id: Any = None
    add_generation_prompt: Any = None
    add_special_tokens: Any = None
    allowed_token_ids: Any = None
    audio: Any = None
    background: Any = None
    bad_words: Any = None
    ban_eos_token: Any = None
    banned_strings: Any = None
    banned_tokens: Any = None
    best_of: Any = None
    chat_history: Any = None
    chat_template: Any = None
    chat_template_kwargs: Any = None
    compaction: Any = None
    container: Any = None
    context: Any = None
    context_management: Any = None
    continue_final_message: Any = None
    conversation: Any = None
    custom_logit_processor: Any = None
    custom_token_bans: Any = None
    dimensions: Any = None
    do_sample: Any = None
    documents: Any = None
    dry_multiplier: Any = None
    dynamic_temperature: Any = None
    dynatemp_range: Any = None
    ebnf: Any = None
    echo: Any = None
    enable_thinking: Any = None
    encoder_repetition_penalty: Any = None
    encoding_format: Any = None
    epsilon_cutoff: Any = None
    eta_cutoff: Any = None
    extra_body: Any = None
    format: Any = None
    function_call: Any = None
    functions: Any = None
    grammar: Any = None
    grammar_string: Any = None
    guidance_scale: Any = None
    guided_choice: Any = None
    guided_grammar: Any = None
    guided_regex: Any = None
    guided_whitespace_pattern: Any = None
    ignore_eos: Any = None
    image_data: Any = None
    images: Any = None
    include: Any = None
    include_reasoning: Any = None
    include_stop_str_in_output: Any = None
    input: Any = None
    inputs: Any = None
    instruction_template: Any = None
    instructions: Any = None
    length_penalty: Any = None
    logits_processors: Any = None
    logprob_token_ids: Any = None
    logprobs: Any = None
    lora: Any = None
    lora_path: Any = None
    max_completion_tokens: Any = None
    max_length: Any = None
    max_new_tokens: Any = None
    max_output_tokens: Any = None
    max_tokens: Any = None
    mcp_servers: Any = None
    messages: Any = None
    min_new_tokens: Any = None
    min_tokens: Any = None
    mirostat: Any = None
    mirostat_mode: Any = None
    modalities: Any = None
    n: Any = None
    n_indent: Any = None
    n_predict: Any = None
    n_probs: Any = None
    negative_prompt: Any = None
    no_repeat_ngram_size: Any = None
    no_stop_trim: Any = None
    num_beams: Any = None
    num_ctx: Any = None
    num_predict: Any = None
    options: Any = None
    output_config: Any = None
    output_format: Any = None
    parallel_tool_calls: Any = None
    parameters: Any = None
    penalize_nl: Any = None
    penalty_alpha: Any = None
    personality: Any = None
    plugins: Any = None
    post_sampling_probs: Any = None
    preamble: Any = None
    prediction: Any = None
    prefix: Any = None
    previous_response_id: Any = None
    prompt: Any = None
    prompt_embeds: Any = None
    prompt_logprobs: Any = None
    prompt_mode: Any = None
    raw: Any = None
    reasoning: Any = None
    reasoning_budget: Any = None
    reasoning_effort: Any = None
    reasoning_format: Any = None
    regex: Any = None
    rep_pen: Any = None
    repeat_last_n: Any = None
    repetition_penalty_range: Any = None
    response_fields: Any = None
    response_format: Any = None
    return_full_text: Any = None
    return_hidden_states: Any = None
    return_progress: Any = None
    return_token_ids: Any = None
    return_tokens: Any = None
    return_tokens_as_token_ids: Any = None
    safe_prompt: Any = None
    sampler_order: Any = None
    sampler_priority: Any = None
    samplers: Any = None
    schema: Any = None
    separate_reasoning: Any = None
    shift: Any = None
    skip_special_tokens: Any = None
    smoothing_factor: Any = None
    spaces_between_special_tokens: Any = None
    stop: Any = None
    stop_regex: Any = None
    stop_sequence: Any = None
    stop_sequences: Any = None
    stop_token_ids: Any = None
    structural_tag: Any = None
    suffix: Any = None
    system: Any = None
    t_max_predict_ms: Any = None
    template: Any = None
    text: Any = None
    tfs_z: Any = None
    think: Any = None
    thinking: Any = None
    thinking_budget: Any = None
    thinking_budget_tokens: Any = None
    thinking_token_budget: Any = None
    thread: Any = None
    timings_per_token: Any = None
    tool_choice: Any = None
    tool_prompt: Any = None
    tools: Any = None
    top_a: Any = None
    top_logprobs: Any = None
    top_n_sigma: Any = None
    top_n_tokens: Any = None
    transforms: Any = None
    truncate: Any = None
    truncate_prompt_tokens: Any = None
    truncation: Any = None
    typical_p: Any = None
    use_beam_search: Any = None
    verbosity: Any = None
    watermark: Any = None
    web_search_options: Any = None
    xtc_probability: Any = None
