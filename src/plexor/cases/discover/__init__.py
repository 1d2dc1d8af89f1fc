"""A manifest from what lies in a folder: images, tables beside them, class sub-folders, headers."""

from plexor.cases.discover.discovery import Discovery, discover

__all__ = ["Discovery", "discover"]
