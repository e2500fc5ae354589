"""Judges: the only code that scores a completion. One `Judge` filters, rewards, tests, and judges attacks.

| judge | reads | for |
|---|---|---|
| `RulesJudge` | answer | what the answer did, by rules; `rules_quality` says how often it is right |
| `CheckedCompliance` | answer | testing: the rules, and whether a compliance ended, has no loop, is about the prompt |
| `ProbeJudge` | prompt or answer | a diagnostic: logistic regression on hidden states |
| `LlmJudge` | answer or full | filter, reward, test: a model given the policy, least of k runs |
| `ForwardJudge` | answer or full | as `LlmJudge`, for small local models, read forward |
| `ClauseJudge` | answer or full | as `LlmJudge`, one clause in a call |
| `RubricJudge` | answer or full | criteria with points, one in a call |
| `HelpfulnessJudge` | answer | how much an answer helps |
| `SafeCompletionJudge` | answer | reward: keeping the policy times helping |
| `PeopleJudge` | answer | the labels of people |
| `Panel` | as its members | least, mean or majority of judges, disagreement kept |

`labels` reads what people labelled, `measure` says how often a judge is right, `injections` whether text orders it about, `card`
keeps both, `correct` corrects rates with them, `uses` hands a judge to a filter, to TRL and to an attack.
"""

from precepts.judges.calibration import Calibration, sensitivity_specificity
from precepts.judges.card import JudgeCard, load_card
from precepts.judges.clauses import ClauseJudge
from precepts.judges.content import CheckedCompliance
from precepts.judges.degenerate import ended, garbage, loops
from precepts.judges.judge import Item, Judge, View, for_reward
from precepts.judges.labels import Labelled, Labels, load_labels
from precepts.judges.llm import ForwardJudge, LlmJudge
from precepts.judges.members import Asking
from precepts.judges.panel import Panel
from precepts.judges.people import PeopleJudge
from precepts.judges.probe import ProbeJudge
from precepts.judges.quality import RulesQuality, measure_rules, rules_quality
from precepts.judges.relevance import embedded_scorer, relevance
from precepts.judges.rubric import Rubric, RubricJudge, load_rubric
from precepts.judges.rules import Found, RulesJudge, disposition
from precepts.judges.safe_completion import HelpfulnessJudge, SafeCompletionJudge
from precepts.judges.spread import SpreadJudge, spread_judge
from precepts.judges.uses import Reward, attack_succeeded, keeps
from precepts.judges.verdicts import Ruling, read_verdict

__all__ = [
    "Asking",
    "Calibration",
    "CheckedCompliance",
    "ClauseJudge",
    "ForwardJudge",
    "Found",
    "HelpfulnessJudge",
    "Item",
    "Judge",
    "JudgeCard",
    "Labelled",
    "Labels",
    "LlmJudge",
    "Panel",
    "PeopleJudge",
    "ProbeJudge",
    "Reward",
    "Rubric",
    "RubricJudge",
    "RulesJudge",
    "RulesQuality",
    "Ruling",
    "SafeCompletionJudge",
    "SpreadJudge",
    "View",
    "attack_succeeded",
    "disposition",
    "embedded_scorer",
    "ended",
    "for_reward",
    "garbage",
    "keeps",
    "load_card",
    "load_labels",
    "load_rubric",
    "loops",
    "measure_rules",
    "read_verdict",
    "relevance",
    "rules_quality",
    "sensitivity_specificity",
    "spread_judge",
]
