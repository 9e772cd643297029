"""Texts in six languages, the questions about them, and talks with search results; `bench.asked` reads them."""
