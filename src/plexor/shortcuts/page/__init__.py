"""The page on which a person corrects boxes of burnt-in tags."""

from plexor.shortcuts.page.build import MOST_BYTES, Written, write_page

__all__ = ["MOST_BYTES", "Written", "write_page"]
