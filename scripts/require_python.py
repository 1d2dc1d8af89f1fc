"""Says at once, and in words, that the interpreter is too old."""

import sys

if sys.version_info < (3, 11):
    found = ".".join(map(str, sys.version_info[:3]))
    sys.exit(f"Plexor needs Python 3.11 or newer, found {found}; run: make PYTHON=python3.11 ...")
