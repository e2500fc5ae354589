"""What Inspect finds by this package's entry point: the provider, the suites as tasks, and the attacks as solvers."""

from precepts.evals import suites as suites
from precepts.models import registry as provider
from precepts.redteam import solvers

__all__ = ["provider", "solvers", "suites"]
