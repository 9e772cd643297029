"""Check that this Python can run the server. Runs on any Python 3: an old one gets a message and no syntax error.

    python3 scripts/check_python.py

The exit code is 1 if this Python is too old or cannot create virtual environments.
"""

import argparse
import importlib.util
import sys


def main() -> None:
    """Exit with a message if this Python is not sufficient."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    if sys.version_info < (3, 11):
        found = ".".join(map(str, sys.version_info[:3]))
        sys.exit(
            "error: found Python %s, needed is 3.11 or newer. Install it and run: make PYTHON=python3.11 ..." % found
        )
    if importlib.util.find_spec("ensurepip") is None:
        sys.exit("error: this Python cannot create virtual environments. Run: apt-get install python3-venv")


if __name__ == "__main__":
    main()
