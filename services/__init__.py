"""The API server of RKLLM Appliance."""

__version__ = "0.1.0"
