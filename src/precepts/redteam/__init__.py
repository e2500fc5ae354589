"""Red teaming: attack techniques by name, their compositions, and attackers that adapt, as Inspect solvers.

Techniques are named after the families of the literature; their wording is this project's own. A technique that could not be applied is recorded as
such: it is neither a pass nor a success.
"""

from precepts.redteam.catalogue import TECHNIQUES, applied_alone, techniques
from precepts.redteam.technique import Attacked, Technique, compose

__all__ = ["TECHNIQUES", "Attacked", "Technique", "applied_alone", "compose", "techniques"]
