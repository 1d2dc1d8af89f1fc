"""What a notebook needs of a run: figures, rows and images that show themselves.

``plexor.audit`` and ``plexor.Run`` are from here.
"""

from plexor.notebook.examples import Examples
from plexor.notebook.run import Run

__all__ = ["Examples", "Run"]
