"""Attacks that search on other models than the audited one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from plexor.attacks.gradient import Transfer
from plexor.core.ids import digest
from plexor.probes.attack import Sourced
from plexor.probes.materials import Materials, Needs
from plexor.probes.probe import plain


@dataclass(frozen=True, slots=True, kw_only=True)
class Surrogates:
    """An attack that searches on other models.

    Attributes:
        search: the attack.
        files: weights of these models, as the plan names them.
    """

    search: Transfer
    files: tuple[Path, ...]

    @property
    def needs(self) -> Needs:
        """See ``Source``."""
        return Needs(models=self.files)

    @property
    def settings(self) -> Mapping[str, object]:
        """See ``Source``."""
        return plain(self.search) | {"surrogates": [str(file) for file in self.files]}

    def attack(self, probe_id: str, materials: Materials) -> Sourced:
        """See ``Source``."""
        models = [materials.models[file] for file in self.files]
        return Sourced(
            attack=self.search.using(models),
            made_from=(
                digest([type(self.search).__name__, asdict(self.search)]),
                *(materials.sha256[file] for file in self.files),
            ),
        )
