"""Draws phantom chest films as DICOM files, with the manifest that plans/phantoms.yaml reads.

python examples/phantoms.py [FOLDER] [NUMBER OF FILMS]
"""

import sys
from pathlib import Path

from plexor.cases.phantoms import write_phantoms

folder = Path(sys.argv[1] if len(sys.argv) > 1 else "chest-phantoms")
n_cases = int(sys.argv[2]) if len(sys.argv) > 2 else 400
print(write_phantoms("radiograph", folder, n_cases=n_cases, seed=0, file_format="dicom"))
