"""Run models: one folder per engine, `registry` lists them."""
