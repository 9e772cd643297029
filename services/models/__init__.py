"""Fetching and keeping models: ``python -m services.models``. Imports `services.core` alone."""
