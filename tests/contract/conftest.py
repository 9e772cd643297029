"""One suite over every engine: each fixture value is a way to make one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from services.core.catalog import Catalog
from services.core.job import Job, Sampling
from services.core.model import Model
from services.core.settings import Settings
from services.engines.factory import ENGINES
from services.engines.worker import WorkerEngine
from tests.engines import REAL_MODEL, REAL_MODELS, fake, write_fake_model

SETTINGS = Settings(heartbeat_interval=0.1, cpu_batch_size=32)


@dataclass
class Rig:
    """An engine under test: how to make it, and the words of its jobs."""

    model: Model
    make: Callable[[Model], Any]
    long_answer: str
    """A prompt whose answer has many tokens."""
    long_prompt: str
    """A prompt whose prefill takes several steps."""

    def job(self, text: str, **changes: Any) -> Job:
        values: dict[str, Any] = {
            "id": "test", "model": self.model, "kind": "chat", "messages": ({"role": "user", "content": text},),
            "prompt": "", "max_tokens": 16, "sampling": Sampling(temperature=0, seed=1), "stop": (), "logprobs": None,
            "json_schema": None, "template_kwargs": {}, "prompt_tokens_estimate": 100,
        }  # fmt: skip
        return Job(**(values | changes))


def real_rig() -> Rig:
    model = Catalog(Settings(models_dir=REAL_MODELS)).resolve(REAL_MODEL)
    return Rig(model, lambda m: ENGINES["llama"](SETTINGS, m), "Tell a long story about a fox.", "Say it again. " * 300)


def fake_rig(models_dir: Path) -> Rig:
    write_fake_model(models_dir, "fake")
    model = Catalog(Settings(models_dir=models_dir)).resolve("fake")
    return Rig(
        model,
        lambda m: fake(SETTINGS, m),
        '{"text": "tok ", "tokens": 2000, "delay": 0.001}',
        '{"prefill_steps": 100, "prefill_delay": 0.02}',
    )


@pytest.fixture(params=["fake", "llama"])
def rig(request: pytest.FixtureRequest, tmp_path: Path) -> Rig:
    return real_rig() if request.param == "llama" else fake_rig(tmp_path)


@pytest.fixture
def engine(rig: Rig) -> Iterator[WorkerEngine]:
    """A started engine of the rig; its child is gone afterwards."""
    made = rig.make(rig.model)
    made.start()
    yield made
    made.stop()
