"""Networks that come with Plexor, by name; each is built only when asked for."""

from plexor.models.architectures.catalogue import ARCHITECTURES, build_network, check_architecture

__all__ = ["ARCHITECTURES", "build_network", "check_architecture"]
