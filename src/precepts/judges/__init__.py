"""Judges: the only code that scores a completion. One `Judge` filters, rewards, tests, and judges attacks.

| judge | reads | for |
|---|---|---|
| `RulesJudge` | answer | what the answer did, by rules; `rules_quality` says how often it is right |
| `CheckedCompliance` | answer | testing: the rules, and whether a compliance ended, has no loop, is about the prompt |
| `ProbeJudge` | prompt or answer | a diagnostic: logistic regression on hidden states |
| `LlmJudge` | answer or full | filter, reward, test: a model given the policy, least of k runs |
| `ForwardJudge` | answer or full | as `LlmJudge`, for small local models, read forward |
"""

from precepts.judges.calibration import Calibration, sensitivity_specificity
from precepts.judges.content import CheckedCompliance
from precepts.judges.degenerate import ended, garbage, loops
from precepts.judges.judge import Item, Judge, View, for_reward
from precepts.judges.llm import ForwardJudge, LlmJudge, Ruling, read_verdict
from precepts.judges.probe import ProbeJudge
from precepts.judges.quality import RulesQuality, measure_rules, rules_quality
from precepts.judges.relevance import embedded_scorer, relevance
from precepts.judges.rules import Found, RulesJudge, disposition

__all__ = [
    "Calibration",
    "CheckedCompliance",
    "ForwardJudge",
    "Found",
    "Item",
    "Judge",
    "LlmJudge",
    "ProbeJudge",
    "RulesJudge",
    "RulesQuality",
    "Ruling",
    "View",
    "disposition",
    "embedded_scorer",
    "ended",
    "for_reward",
    "garbage",
    "loops",
    "measure_rules",
    "read_verdict",
    "relevance",
    "rules_quality",
    "sensitivity_specificity",
]
