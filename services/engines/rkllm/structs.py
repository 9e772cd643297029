"""Define the structs of librkllmrt as ctypes, for all groups of releases; `abi` combines them. Standard library only.

Source: ``rkllm.h`` of each release tag of Rockchip's rknn-llm repository.
"""

from __future__ import annotations

import ctypes as c
from collections.abc import Mapping
from typing import Any

ENUM = c.c_uint32
Fields = list[tuple[str, Any]]


def struct(name: str, fields: Fields, base: type[Any] = c.Structure, anonymous: tuple[str, ...] = ()) -> Any:
    """Return a ctypes type of that name and those fields."""
    return type(name, (base,), {"_anonymous_": anonymous, "_fields_": fields})


SAMPLING: Fields = [
    ("top_p", c.c_float),
    ("temperature", c.c_float),
    ("repeat_penalty", c.c_float),
    ("frequency_penalty", c.c_float),
    ("presence_penalty", c.c_float),
    ("mirostat", c.c_int32),
    ("mirostat_tau", c.c_float),
    ("mirostat_eta", c.c_float),
]

EXTEND = struct(
    "RKLLMExtendParam",
    [
        ("base_domain_id", c.c_int32),
        ("embed_flash", c.c_int8),
        ("enabled_cpus_num", c.c_int8),
        ("enabled_cpus_mask", c.c_uint32),
        ("n_batch", c.c_uint8),
        ("use_cross_attn", c.c_int8),
        ("reserved", c.c_uint8 * 104),
    ],
)

COMMON = [
    EXTEND,
    struct(
        "RKLLMLoraAdapter",
        [("lora_adapter_path", c.c_char_p), ("lora_adapter_name", c.c_char_p), ("scale", c.c_float)],
    ),
    struct("RKLLMEmbedInput", [("embed", c.POINTER(c.c_float)), ("n_tokens", c.c_size_t)]),
    struct("RKLLMTokenInput", [("input_ids", c.POINTER(c.c_int32)), ("n_tokens", c.c_size_t)]),
    struct("RKLLMLoraParam", [("lora_adapter_name", c.c_char_p)]),
    struct("RKLLMPromptCacheParam", [("save_prompt_cache", c.c_int), ("prompt_cache_path", c.c_char_p)]),
    struct(
        "RKLLMCrossAttnParam",
        [
            ("encoder_k_cache", c.POINTER(c.c_float)),
            ("encoder_v_cache", c.POINTER(c.c_float)),
            ("encoder_mask", c.POINTER(c.c_float)),
            ("encoder_pos", c.POINTER(c.c_int32)),
            ("num_tokens", c.c_int),
        ],
    ),
    struct(
        "RKLLMResultLastHiddenLayer",
        [("hidden_states", c.POINTER(c.c_float)), ("embd_size", c.c_int), ("num_tokens", c.c_int)],
    ),
    struct("RKLLMResultLogits", [("logits", c.POINTER(c.c_float)), ("vocab_size", c.c_int), ("num_tokens", c.c_int)]),
    struct(
        "RKLLMPerfStat",
        [
            ("prefill_time_ms", c.c_float),
            ("prefill_tokens", c.c_int),
            ("generate_time_ms", c.c_float),
            ("generate_tokens", c.c_int),
            ("memory_usage_mb", c.c_float),
        ],
    ),
]
"""The structs that are the same in all groups."""


def param(flags: Fields) -> Any:
    """Return RKLLMParam, of which only the `flags` in its middle differ."""
    head: Fields = [
        ("model_path", c.c_char_p),
        ("max_context_len", c.c_int32),
        ("max_new_tokens", c.c_int32),
        ("top_k", c.c_int32),
        ("n_keep", c.c_int32),
    ]
    return struct("RKLLMParam", [*head, *SAMPLING, *flags, ("extend_param", EXTEND)])


def structs_1_2() -> list[Any]:
    """Return what only 1.2.1, 1.2.2 and 1.2.3 have."""
    sizes = ("n_image_tokens", "n_image", "image_width", "image_height")
    return [
        param(
            [
                ("skip_special_token", c.c_bool),
                ("is_async", c.c_bool),
                # Never NULL: the library reads them without a check.
                ("img_start", c.c_char_p),
                ("img_end", c.c_char_p),
                ("img_content", c.c_char_p),
            ]
        ),
        struct(
            "RKLLMMultiModalInput",
            [("prompt", c.c_char_p), ("image_embed", c.POINTER(c.c_float)), *[(n, c.c_size_t) for n in sizes]],
        ),
    ]


def structs_1_3() -> list[Any]:
    """Return what only 1.3.0 has."""
    image: Fields = [("image_embed", c.POINTER(c.c_float)), ("n_image_tokens", c.c_size_t), ("n_image", c.c_size_t)]
    image += [(name, c.c_char_p) for name in ("image_start", "image_end", "image_content")]
    image += [(name, c.c_size_t) for name in ("image_width", "image_height")]
    video: Fields = [("video_embed", c.POINTER(c.c_float)), ("n_frame_tokens", c.c_size_t)]
    video += [(name, c.c_size_t) for name in ("n_frame_per_video", "n_video")]
    video += [(name, c.c_char_p) for name in ("video_start", "video_end", "video_content")]
    video += [(name, c.c_size_t) for name in ("frame_width", "frame_height")]
    return [
        param([("skip_special_token", c.c_bool), ("ignore_eos_token", c.c_bool), ("is_async", c.c_bool)]),
        struct("RKLLMSamplingParam", [("top_k", c.c_int32), *SAMPLING]),
        struct(
            "RKLLMMultiModalInput",
            [("prompt", c.c_char_p), ("image", struct("Image", image)), ("video", struct("Video", video))],
        ),
    ]


def infer_param(structs: Mapping[str, Any]) -> Any:
    """Return RKLLMInferParam, with sampling and a token limit where `structs` have RKLLMSamplingParam."""
    pointers: Fields = [
        ("mode", ENUM),
        ("lora_params", c.POINTER(structs["RKLLMLoraParam"])),
        ("prompt_cache_params", c.POINTER(structs["RKLLMPromptCacheParam"])),
    ]
    if "RKLLMSamplingParam" not in structs:
        return struct("RKLLMInferParam", [*pointers, ("keep_history", c.c_int)])
    # In the header's order: the new pointer stands before keep_history, the new number after it.
    sampling = ("sampling_params", c.POINTER(structs["RKLLMSamplingParam"]))
    return struct("RKLLMInferParam", [*pointers, sampling, ("keep_history", c.c_int), ("max_new_tokens", c.c_int32)])


def run_structs(structs: Mapping[str, Any]) -> list[Any]:
    """Return the structs of one call of ``rkllm_run``, made of a group's own and the common `structs`."""
    union = struct(
        "Union",
        [
            ("prompt_input", c.c_char_p),
            ("embed_input", structs["RKLLMEmbedInput"]),
            ("token_input", structs["RKLLMTokenInput"]),
            ("multimodal_input", structs["RKLLMMultiModalInput"]),
        ],
        c.Union,
    )
    result = struct(
        "RKLLMResult",
        [
            ("text", c.c_char_p),
            ("token_id", c.c_int32),
            ("last_hidden_layer", structs["RKLLMResultLastHiddenLayer"]),
            ("logits", structs["RKLLMResultLogits"]),
            ("perf", structs["RKLLMPerfStat"]),
        ],
    )
    head: Fields = [("role", c.c_char_p), ("enable_thinking", c.c_bool), ("input_type", ENUM)]
    return [infer_param(structs), struct("RKLLMInput", [*head, ("u", union)], anonymous=("u",)), result]


def callback_struct(callback: Any) -> Any:
    """Return RKLLMCallback. Its two other callbacks stay NULL: the models served here bring their own tokenizer."""
    return struct(
        "RKLLMCallback",
        [
            ("result_callback", callback),
            ("result_userdata", c.c_void_p),
            ("tokenizer_callback", c.c_void_p),
            ("tokenizer_userdata", c.c_void_p),
            ("embed_callback", c.c_void_p),
            ("embed_userdata", c.c_void_p),
        ],
    )
