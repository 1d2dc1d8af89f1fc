"""Built-in networks by name; libraries are imported when a network is built."""

from plexor.models.architectures.catalogue import (
    ARCHITECTURES,
    WITH_FEATURES,
    build_network,
    check_architecture,
)

__all__ = ["ARCHITECTURES", "WITH_FEATURES", "build_network", "check_architecture"]
