#!/usr/bin/env bash
exec python3 open_webui.py
