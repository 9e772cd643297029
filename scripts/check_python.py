"""Is this Python good enough? Runs on any Python 3, so that the answer is a sentence and no syntax error."""

import importlib.util
import sys

if sys.version_info < (3, 11):
    found = ".".join(map(str, sys.version_info[:3]))
    sys.exit("error: found Python %s, needed 3.11 or newer. Install it and run: make PYTHON=python3.11 ..." % found)
if importlib.util.find_spec("ensurepip") is None:
    sys.exit("error: this Python cannot make virtual environments. Install it: apt-get install python3-venv")
