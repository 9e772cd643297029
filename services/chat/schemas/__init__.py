"""JSON schemas of clients: check them, make grammars of them, hold answers against them."""
