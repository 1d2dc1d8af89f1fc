"""How long ``plexor --help`` takes, a new process each time."""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path

from measuring import spread, write_result

COMMANDS = {
    "plexor --help": ["--help"],
    "python -c pass": None,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=10)
    options = parser.parse_args()
    plexor = str(Path(sys.executable).parent / "plexor")
    rows = []
    for name, arguments in COMMANDS.items():
        command = [sys.executable, "-c", "pass"] if arguments is None else [plexor, *arguments]
        times = []
        for _ in range(options.repeats + 1):
            start = time.perf_counter()
            subprocess.run(command, check=True, capture_output=True)
            times.append(time.perf_counter() - start)
        # The first call reads the files from disk, perhaps; it is told apart.
        rows.append({"name": name, "seconds": spread(times[1:]), "first": times[0]})
    write_result("startup", vars(options), rows)


if __name__ == "__main__":
    main()
