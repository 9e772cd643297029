"""Provision Open WebUI with settings and models, over its own HTTP interface. Standard library only."""
