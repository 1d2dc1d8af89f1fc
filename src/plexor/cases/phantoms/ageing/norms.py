"""How regional brain volumes run with age, and how much people of one age differ.

Derived by ``scripts/derive_ageing_norms.py`` from two published tables of NiChart's DLMUSE
segmentation: median volumes of cognitively normal people by age (40 to 93 years), and the volumes
of 181 subjects of the IXI data set (20 to 82 years; brain-development.org, CC BY-SA 3.0).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

AGES = (20, 30, 40, 50, 60, 70, 80, 90)
"""Years at which ``LOG_RATIO`` is given; ages between them are interpolated."""

LOG_RATIO = {
    "ventricles": (-0.221, -0.111, 0.000, 0.092, 0.274, 0.623, 0.944, 1.172),
    "hippocampi": (-0.009, -0.004, 0.000, -0.006, -0.024, -0.054, -0.112, -0.207),
    "frontal_grey": (0.091, 0.046, 0.000, -0.058, -0.112, -0.161, -0.209, -0.260),
    "parietal_grey": (0.055, 0.027, 0.000, -0.048, -0.094, -0.133, -0.181, -0.239),
    "temporal_grey": (0.053, 0.027, 0.000, -0.036, -0.073, -0.105, -0.147, -0.209),
    "occipital_grey": (0.003, 0.002, 0.000, -0.030, -0.060, -0.090, -0.120, -0.151),
    "white_matter": (-0.037, -0.018, 0.000, 0.002, -0.016, -0.026, -0.048, -0.138),
    "cerebellum": (-0.007, -0.003, 0.000, -0.022, -0.044, -0.068, -0.092, -0.116),
}
"""Region → log of its median volume over that at 40 years."""

REGIONS = tuple(LOG_RATIO)

SPREAD = (
    (0.13404, -0.00370, -0.00640, -0.00471, -0.00436, -0.00264, -0.00167, -0.00387),
    (-0.00370, 0.00544, 0.00026, 0.00079, 0.00088, 0.00025, -0.00031, 0.00094),
    (-0.00640, 0.00026, 0.00217, 0.00130, 0.00087, 0.00030, -0.00021, -0.00020),
    (-0.00471, 0.00079, 0.00130, 0.00299, 0.00092, 0.00037, -0.00011, -0.00035),
    (-0.00436, 0.00088, 0.00087, 0.00092, 0.00229, 0.00021, -0.00050, 0.00013),
    (-0.00264, 0.00025, 0.00030, 0.00037, 0.00021, 0.00299, -0.00022, -0.00034),
    (-0.00167, -0.00031, -0.00021, -0.00011, -0.00050, -0.00022, 0.00085, -0.00036),
    (-0.00387, 0.00094, -0.00020, -0.00035, 0.00013, -0.00034, -0.00036, 0.00335),
)
"""Covariance, over people of one age, of the logs of the regions' shares of the cranial cavity."""

CAVITY_ML = {"F": (1349.0, 125.0), "M": (1530.0, 114.0)}
"""Sex → mean and standard deviation of the intracranial volume."""

TEMPLATE_AGE = 25.0
"""Mean age of the people whose average the template is (Fonov et al., NeuroImage 2011;54:313)."""


def log_ratios(age: float) -> NDArray[np.float64]:
    """Log of each region's expected volume over its volume in the template, (regions,).

    Args:
        age: in years, 20 to 90.
    """
    table = np.array(list(LOG_RATIO.values()))
    at = [np.interp(year, AGES, row) for year in (age, TEMPLATE_AGE) for row in table]
    then, young = np.split(np.array(at), 2)
    return np.asarray(then - young)
