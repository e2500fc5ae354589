"""From evidence to a decision that anyone can check: gates on claims, and a risk policy with its scorecard.

Both are data that people write and version. A gate or an indicator reads an interval's unfavourable end, never its
middle, and what is missing is `insufficient`: neither passed nor low.
"""

from precepts.cards.decide.due import Situation, due
from precepts.cards.decide.files import load_gates, load_risk, shipped_risk, shipped_risks
from precepts.cards.decide.gates import Gate, Gates, JudgeFloor
from precepts.cards.decide.gating import GateResult, Verdict, check_gates, exit_code, worst
from precepts.cards.decide.judged import JudgeQuality, judge_qualities
from precepts.cards.decide.risk import Category, Indicator, RiskPolicy
from precepts.cards.decide.scorecard import Scorecard, assess

__all__ = [
    "Category",
    "Gate",
    "GateResult",
    "Gates",
    "Indicator",
    "JudgeFloor",
    "JudgeQuality",
    "RiskPolicy",
    "Scorecard",
    "Situation",
    "Verdict",
    "assess",
    "check_gates",
    "due",
    "exit_code",
    "judge_qualities",
    "load_gates",
    "load_risk",
    "shipped_risk",
    "shipped_risks",
    "worst",
]
