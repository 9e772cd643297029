"""Check the version of Python. Runs on any Python 3, so that an old one gets a message and not a syntax error."""

import importlib.util
import sys

if sys.version_info < (3, 11):
    found = ".".join(map(str, sys.version_info[:3]))
    sys.exit("error: found Python %s, needed is 3.11 or newer. Install it and run: make PYTHON=python3.11 ..." % found)
if importlib.util.find_spec("ensurepip") is None:
    sys.exit("error: this Python cannot create virtual environments. Run: apt-get install python3-venv")
