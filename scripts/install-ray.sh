#!/usr/bin/env bash
# Installs Ray, on which tests/integration/test_workers.py run; does nothing where there is one.
# With --if-possible it says why and succeeds where Ray cannot be installed: the tests skip.
set -euo pipefail
cd "$(dirname "$0")/.."

python=.venv/bin/python
if "$python" -c "import ray" 2>/dev/null; then
    echo "Ray is there: $("$python" -c "import ray; print(ray.__version__)")"
    exit 0
fi
if ! "$python" -m pip install --quiet -c constraints.txt -e '.[ray]'; then
    echo "pip cannot install Ray for this Python; the tests of workers will be skipped." >&2
    [ "${1:-}" = --if-possible ]
fi
