"""Run ``.rkllm`` models with the `rkllm` program on the NPU."""
