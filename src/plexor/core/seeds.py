"""Seeds derived from names, so that no result depends on order, batch or worker."""

from __future__ import annotations

from plexor.core.ids import digest


def seed_for(run_seed: int, *names: str) -> int:
    """A 63-bit seed for one named use.

    Different names give independent streams; the same names always give the same seed.

    Example:
        >>> seed_for(0, "pgd-linf-2", "case-1") == seed_for(0, "pgd-linf-2", "case-1")
        True
        >>> seed_for(0, "pgd-linf-2", "case-1") == seed_for(0, "pgd-linf-2", "case-2")
        False
    """
    return int(digest([run_seed, *names])[:16], 16) >> 1
