"""What an adversary may do, see and want, as values: no tensors, no model, no files.

``plexor.attacks`` adds the tensors: its ``Threat``, regions and goals are these classes with the
methods that a search and the judge need.
"""

from plexor.threat_model.access import ACCESS, Access
from plexor.threat_model.goals import GOALS, Goal, goal_from, read_goal
from plexor.threat_model.norm import NORMS, Norm
from plexor.threat_model.region import REGIONS, Border, Masked, Region, read_region, region_from
from plexor.threat_model.threat import Channels, Threat, Unit, threat_from

__all__ = [
    "ACCESS",
    "GOALS",
    "NORMS",
    "REGIONS",
    "Access",
    "Border",
    "Channels",
    "Goal",
    "Masked",
    "Norm",
    "Region",
    "Threat",
    "Unit",
    "goal_from",
    "read_goal",
    "read_region",
    "region_from",
    "threat_from",
]
