"""Define every setting: its type, its default, and what it does.

`scripts/settings_docs.py` writes config.example.yaml and the tables of docs/configuration.md from this file: the line
``# --- name`` begins a section, and the docstring under a field is its description. Run ``make docs`` after a change.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR"]
Port = Annotated[int, Meta(ge=1, le=65535)]
MOST = 2**31 - 1
"""The largest number: native code takes no larger ones."""
Count = Annotated[int, Meta(ge=0, le=MOST)]
Positive = Annotated[int, Meta(ge=1, le=MOST)]
Score = Annotated[float, Meta(ge=0)]
LONGEST = 10 * 365 * 86400
"""Seconds, ten years: no timer of the system takes an infinite time."""
Seconds = Annotated[float, Meta(gt=0, le=LONGEST)]
SecondsOrOff = Annotated[float, Meta(ge=0, le=LONGEST)]
Share = Annotated[float, Meta(ge=0, le=1)]


class Settings(Struct, frozen=True, kw_only=True):
    """All settings, validated by `services.core.settings.load_settings`. Times are in seconds."""

    # --- models
    models_dir: Path = msgspec.field(default_factory=lambda: Path("~/models").expanduser())
    """The folder of the models. Each model is in a folder of its own below it (docs/models.md)."""
    default_model: str = ""
    """Id or alias of the model for requests that name no model. If empty, the server uses the only model that can do
    the request, and refuses the request if there are several."""
    context_length_default: Positive = 4096
    """Context length in tokens of a model whose model.yaml, name and file do not say it."""
    context_length_max: Positive = 8192
    """Upper limit in tokens for a context length that only the metadata of a GGUF file says, since memory grows with
    it. A length in the name (-16k) or in model.yaml may be larger."""
    max_tokens_default: Positive = 2048
    """Longest answer in tokens if neither the request nor the model's model.yaml says it."""

    # --- server
    host: str = "127.0.0.1"
    """Address on which the server listens; 0.0.0.0: all addresses. Without a key the server only starts on a loopback
    address, unless allow_anonymous is true."""
    port: Port = 8000
    """Port on which the server listens."""
    cors_origins: tuple[str, ...] = ()
    """Origins of web pages that may call the API, such as https://chat.example.org; `*` allows every page."""
    allowed_hosts: tuple[str, ...] = ()
    """Names of this server that a request without a key may have in its header Host, besides IP addresses, localhost
    and the names of this computer; `*` allows every name. This keeps web pages from using the server
    (docs/api.md#web-pages). With keys nothing is checked."""
    max_body_bytes: Positive = 16 * 1024 * 1024
    """Largest request body in bytes (16 MiB). The server answers a larger request with 413. All bodies that arrive at
    the same time may take four times as much memory."""
    client_timeout: Seconds = 30
    """The server closes a connection if the client does not read its answer for this time. A request body may pause for
    this time in all, and must bring 64 KiB per second besides."""
    shutdown_timeout: Seconds = 30
    """Time that running answers get to finish after SIGTERM or Ctrl-C."""

    # --- access
    keys_file: Path | None = None
    """File with the hashes of API keys. `python -m services.keys` makes, lists and revokes keys; a change takes effect
    at the next request (docs/install.md#keys)."""
    api_key: str = ""
    """One key for users."""
    api_key_file: Path | None = None
    """File that contains one key for users."""
    admin_key: str = ""
    """One key for an administrator, who may load, unload, fetch and delete models."""
    admin_key_file: Path | None = None
    """File that contains one key for an administrator."""
    allow_anonymous: bool = False
    """Accept requests without a key, also from other computers. Such a client is not an administrator."""
    metrics_public: bool = True
    """Answer GET /metrics without a key."""

    # --- logs
    api_log_level: LogLevel = "INFO"
    """DEBUG, INFO, WARNING or ERROR. Prompts are logged at DEBUG only."""
    log_file: Path | None = None
    """Write the log to this file too, besides stderr. The file is rotated at 10 MB; three old files are kept."""

    # --- queue
    queue_depth: Count = 16
    """Number of requests that may wait; the server answers more requests with 503. With 0 no request waits."""
    queue_overtakes: Count = 2
    """How often a request may be overtaken by requests for the loaded model, which saves a change of the model."""
    queue_background_overtakes: Count = 8
    """How often a low-priority request may be overtaken by other requests. Low-priority requests take at most half of
    the places in the queue (docs/api.md#priority)."""
    heartbeat_interval: Seconds = 2
    """Time between two comments in a stream while the client waits for the next token."""

    # --- time limits and memory
    model_load_timeout: Seconds = 180
    """Time limit for loading a model."""
    first_token_timeout: Seconds = 120
    """Time without any sign of the engine before the first token. The limit is the larger one of this value and
    first_token_timeout_per_token times the tokens of the prompt. Each progress report of the engine restarts it."""
    first_token_timeout_per_token: SecondsOrOff = 0.2
    """See first_token_timeout."""
    fallback_silence: Seconds = 12
    """Time limit between two tokens."""
    generation_timeout: Seconds = 600
    """Time limit from the first token to the last token."""
    cancel_timeout: Seconds = 10
    """Time that the engine gets to stop after a cancel. Then the server kills it, and the next request loads it."""
    idle_unload_timeout: SecondsOrOff = 300
    """The server unloads a model that nobody used for this time; 0 keeps it loaded."""
    memory_budget: Count = 0
    """MiB that all loaded models may use together. Above it the server unloads the model that was not used for the
    longest time. 0: what the machine has left (MemAvailable, less up to 512 MiB). In a container with a memory limit,
    set a value below that limit."""
    models_resident: Count = 0
    """Number of models that may be loaded at the same time; 0: as many as fit into memory, 1: one at a time. The NPU
    never has more than one."""
    monitor_interval: Seconds = 10
    """Time between two checks for unused models and for the health of the engine."""

    # --- tools
    tools_over_budget: Literal["refuse", "drop"] = "refuse"
    """What the server does with tools that need more than half of the context. `refuse`: it answers 400 with the
    numbers. `drop`: it leaves the tools out and says so in the header X-RKLLM-Warning."""

    # --- metrics
    metrics_vllm_names: bool = True
    """Export the metrics also under the names that vLLM uses (vllm:...), for dashboards made for it
    (docs/monitoring.md)."""
    npu_debug_dir: Path = Path("/sys/kernel/debug/rknpu")
    """Folder with load, power and driver version of the NPU. A container sees it only if it is mounted."""
    sysfs_dir: Path = Path("/sys")
    """Folder with clocks and temperatures."""
    procfs_dir: Path = Path("/proc")
    """Folder with the memory figures of the machine and of the engines."""

    # --- CPU engine
    cpu_threads: Count = 0
    """Threads for decode; 0: all cores but one."""
    cpu_threads_batch: Count = 0
    """Threads for prefill; 0: all cores."""
    cpu_batch_size: Positive = 128
    """Prompt tokens per prefill step. A cancel during prefill takes effect after a step; small steps are slower."""
    cpu_prompt_cache_mib: Count = 0
    """Memory in MiB for the KV caches of earlier conversations; 0 keeps only the last conversation."""

    # --- NPU engine
    runtime_library: Path | None = None
    """The file librkllmrt.so, or a folder with one file per release (librkllmrt-1.2.3.so, ...), from which a model.yaml
    may choose one. null: the usual places below /usr/lib (docs/npu.md)."""
    runtime_layout: str = ""
    """A release whose layouts are used for a librkllmrt that is newer than all known releases, for example 1.3.0. Use
    it only if the board check then finds nothing bad (docs/npu.md). Known releases are not affected."""
    kv_strategy: Literal["prefix", "history"] = "prefix"
    """How the next question of a conversation saves prefill. `prefix`: the server sends the whole prompt, and the
    runtime reuses its beginning. `history`: it sends only the new message if the runtime surely has the rest."""
    npu_prompt: Literal["auto", "tokens", "template"] = "auto"
    """Who applies the chat template of the model. `tokens`: the server, which needs tokenizer.json and the
    template beside the model. `template`: the runtime. `auto`: `tokens` if the files are there, else `template`."""
    npu_clear_template: bool = False
    """Empty the runtime's own chat template after a load, for prompts in tokens. Set it where the board check finds
    that the runtime puts its template around them too (docs/npu.md)."""
    npu_domain: Annotated[int, Meta(ge=0, le=15)] = 0
    """IOMMU domain, 0 to 15. Each has 4 GB of addresses; use another one if the default is too small."""
    npu_embed_flash: bool = True
    """Read the vocabulary table from the file instead of keeping it in memory."""
    npu_lock: Path | None = None
    """Lock file that keeps two users of the NPU apart; null: /run/lock/rkllm-npu.lock. Containers must share it."""

    # --- rkllm program
    binary: str = "rkllm"
    """The rkllm command-line program: a path, or a name on PATH (docs/npu-cli.md). Only for models whose model.yaml
    says `engine: rkllm_cli`."""
    use_multiline_protocol: bool = False
    """Set this for a program that was rebuilt to read a prompt up to a line `__END__` instead of up to the line end."""

    # --- web search and documents
    rag_enabled: bool = True
    """Clean, rank and cut the sources that Open WebUI puts into a prompt (docs/rag.md). `rag: false` in a model.yaml
    or in a request turns this off."""
    rag_min_quality_score: Score = 2
    """A passage is left out if its score is below this percentage of the best passage's score."""
    rag_max_paragraphs: Positive = 40
    """Largest number of passages of about 400 characters. The room in the context usually ends sooner."""
    rag_quality_floor_threshold: Score = 1
    """Tenths of the question that one place of the results of a search must cover, less what chance covers; otherwise
    they are dropped. Documents that a person attached never are. 0 never drops sources."""
    rag_dedup_similarity: Share = 0.7
    """A passage is left out if at least this share of its word triples was already shown."""
    rag_max_prefill_seconds: SecondsOrOff = 20
    """Time that prefill may take, estimated from the speed of the model's last answers; 0: no limit."""
    rag_digest_seconds: SecondsOrOff = 60
    """Time in which the model reads an attached document in parts and writes notes, if the question is about the whole
    of it and it does not fit ("Summarize this"). Each part is a run of its own, and others run in between. 0: never;
    the answer then comes from the beginnings of the document's sections."""
    rag_cache_ttl: SecondsOrOff = 300
    """Time for which an answer is kept for the same question with the same sources; 0: never."""
    rag_cache_max_entries: Count = 50
    """Number of answers that are kept."""
    disable_think_for_rag_below_ctx: Count = 8192
    """Below this context length in tokens, thinking is off while sources are used, unless the request turns it on."""
