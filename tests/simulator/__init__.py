"""The simulated RKLLM runtime and the oracle of its answers; README.md describes it."""
