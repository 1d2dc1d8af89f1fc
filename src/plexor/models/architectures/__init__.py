"""Built-in networks by name; libraries are imported when a network is built."""

from plexor.models.architectures.catalogue import ARCHITECTURES, build_network, check_architecture

__all__ = ["ARCHITECTURES", "build_network", "check_architecture"]
