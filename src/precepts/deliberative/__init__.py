"""Deliberative alignment (Guan et al. 2024, arXiv 2412.16339): policy in, training set out.

`generate` lets a teacher that reads the policy write completions; `filter_completions` keeps those that keep the policy, with a reason
for every one that is dropped; `build_examples` makes the training set from the bare cases.
"""

from precepts.deliberative.examples import Weights, build_examples
from precepts.deliberative.filter import Filtered, fault, filter_completions
from precepts.deliberative.generate import OPENINGS, Mode, generate, governing_clause, teacher_conversation

__all__ = [
    "OPENINGS",
    "Filtered",
    "Mode",
    "Weights",
    "build_examples",
    "fault",
    "filter_completions",
    "generate",
    "governing_clause",
    "teacher_conversation",
]
