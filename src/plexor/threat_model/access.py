"""What an adversary sees of the model."""

from __future__ import annotations

from typing import Literal, get_args

Access = Literal["none", "decisions", "scores", "gradients"]
ACCESS: tuple[Access, ...] = get_args(Access)
"""From the least to the most; each includes those before it."""

KNOWLEDGE: dict[str, str] = {
    "gradients": "with full knowledge of the model",
    "scores": "with the model's scores at hand",
    "decisions": "with the model's decisions at hand",
}
"""How a change was searched for; nothing is said of a search that sees nothing."""

SEARCHES: dict[str, str] = {
    "gradients": "a search that follows the model's own gradients",
    "scores": "a search that sees the model's scores, and no gradients",
    "decisions": "a search that sees the model's decisions, and nothing else of it",
    "none": "a search that sees nothing of the model",
}
"""An attack in words that need no knowledge of the field."""
