"""Report what a board has and lacks for language models on its NPU: ``python -m services.boardcheck``."""
