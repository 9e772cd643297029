"""Run ``.rkllm`` models with Rockchip's librkllmrt on the NPU."""
