#!/bin/sh
exec python3 /usr/local/searxng/searxng.py
