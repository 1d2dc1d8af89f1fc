"""The ledger of a server's answers: an image that was answered is never sent again."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from plexor.core.errors import ModelError


class Ledger:
    """Answers by the hash of what was asked, in a file to which lines are only added.

    Several processes may share the file. A line that a killed process did not finish is ignored.

    Args:
        path: the file; made when the first answer is kept.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     path = Path(folder) / "answers.jsonl"
        ...     Ledger(path).keep({"a1": [0.2, 0.8]})
        ...     Ledger(path).answers(["a1", "b2"])
        {'a1': [0.2, 0.8]}
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._known: dict[str, Any] = {}
        self._read = 0

    def answers(self, keys: list[str]) -> dict[str, Any]:
        """The answers that are known, by any process."""
        if any(key not in self._known for key in keys):
            self._catch_up()
        return {key: self._known[key] for key in keys if key in self._known}

    def __len__(self) -> int:
        self._catch_up()
        return len(self._known)

    def keep(self, answers: Mapping[str, Any]) -> None:
        """Adds answers; they are on the disk when this returns.

        Raises:
            ModelError: the file cannot be written.
        """
        lines = "".join(json.dumps([key, one]) + "\n" for key, one in answers.items())
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a+b") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                end = file.seek(0, os.SEEK_END)
                if end and self._unfinished(file, end):
                    file.write(b"\n")
                file.write(lines.encode())
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise ModelError(
                f"cannot write the ledger {self.path}: {error.strerror}; name another file as "
                "`request.ledger`"
            ) from error
        self._known.update(answers)

    @staticmethod
    def _unfinished(file: Any, end: int) -> bool:
        file.seek(end - 1)
        unfinished: bool = file.read(1) != b"\n"
        return unfinished

    def _catch_up(self) -> None:
        """Reads the lines that were added since the last time."""
        if not self.path.exists():
            return
        try:
            with self.path.open("rb") as file:
                file.seek(self._read)
                for line in file:
                    if not line.endswith(b"\n"):
                        break
                    self._read += len(line)
                    self._take(line)
        except OSError as error:
            raise ModelError(f"cannot read the ledger {self.path}: {error.strerror}") from error

    def _take(self, line: bytes) -> None:
        try:
            key, answer = json.loads(line)
        except ValueError:  # the unfinished line of a killed process, ended by the next one
            return
        self._known[key] = answer

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path, "_known": {}, "_read": 0}
