"""Content hashes: the same content has the same id, on any machine."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

CHUNK_BYTES = 1 << 20


def canonical_json(value: object) -> str:
    """Plain data (dict, list, str, numbers, bool, None) as one unambiguous line.

    Example:
        >>> canonical_json({"b": 1, "a": [None, True]})
        '{"a":[null,true],"b":1}'
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def digest(value: object) -> str:
    """SHA-256 of plain data, as 64 hexadecimal digits.

    Example:
        >>> digest({"seed": 0})[:12]
        'bd0488843468'
    """
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def digest_bytes(data: bytes) -> str:
    """SHA-256 of bytes, as 64 hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def digest_file(path: Path) -> str:
    """SHA-256 of a file's bytes, as 64 hexadecimal digits, in constant memory."""
    sha = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(CHUNK_BYTES):
            sha.update(block)
    return sha.hexdigest()
