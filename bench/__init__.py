"""Measure what the server costs on top of its engines: ``python -m bench [--quick]``. See docs/benchmarks.md."""
