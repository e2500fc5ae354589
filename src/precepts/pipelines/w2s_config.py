"""What one weak-to-strong run compares."""

from __future__ import annotations

from pydantic import Field

from precepts.types import Frozen
from precepts.w2s.experiment import EARLY, GUARDED
from precepts.w2s.heads import HeadSettings
from precepts.w2s.prompted import FEW_SHOT, FEW_SHOT_WEAK, ZERO_SHOT
from precepts.w2s.references import backbone_ref, tuned_ref
from precepts.w2s.tuned import Tuning

GENERATIVE = "generative"
"""Arms that begin so are of a student that first read the task's texts without labels."""


class W2SConfig(Frozen):
    """What one run compares."""

    tasks: tuple[str, ...]
    weak: str = "tfidf"
    strong: str = "precepts/smollm2-135m"
    methods: tuple[str, ...] = ("logconf",)
    seeds: int = Field(default=10, ge=1)
    rows: int | None = 3000
    margin: float = Field(default=0.02, gt=0)
    heads: HeadSettings = HeadSettings()
    tuning: Tuning = Tuning()
    generative: bool = False
    zero_shot: bool = True
    prompted: bool = False

    @property
    def speaks(self) -> bool:
        """Whether the student's model writes text, so that it can be asked."""
        return tuned_ref(self.strong) is not None or backbone_ref(self.strong).kind == "layer"

    @property
    def asks(self) -> bool:
        """Whether zero-shot stands beside the students; `prompted` adds few-shot lines to it."""
        return (self.zero_shot or self.prompted) and self.speaks

    @property
    def arms(self) -> list[str]:
        """The students, in the order in which they are shown."""
        named = ["naive", *(name for name in self.methods if name != "naive")]
        read = [f"{GENERATIVE}-{name}" for name in named if self.generative]
        asked = [*([ZERO_SHOT] if self.asks else []), *([FEW_SHOT, FEW_SHOT_WEAK] if self.prompted else [])]
        return [*named, EARLY, GUARDED, *read, *asked]

    @property
    def watched(self) -> str:
        """The method that the guard watches: logconf if it is run, else the first that is not naive training."""
        return next((name for name in ("logconf", *self.methods) if name in self.methods and name != "naive"), "naive")


SMOKE = W2SConfig(tasks=("movie-reviews", "deontology"), methods=("logconf", "product"), seeds=3, rows=400)
"""Everything that a run does, in minutes: for a first look and for continuous integration, not for numbers."""
