"""The written policy: what was decided, read from YAML or Markdown, briefed to teachers and judges, checked for holes.

`load_policy` gives a `Policy` of categories of clauses; `brief` is the text put before a teacher or a judge, never
before a student; `lint` lists what a policy author should mend, with file and line.
"""

from precepts.policy.brief import brief, sentences
from precepts.policy.diff import ClauseChange, PolicyDiff, diff_policies, rests_on
from precepts.policy.lint import Finding, lint
from precepts.policy.load import load_policy, starter_path, starter_policy
from precepts.policy.schema import Category, Clause, Decided, Examples, Policy
from precepts.policy.writing import to_markdown, to_yaml, yaml_bytes

__all__ = [
    "Category",
    "Clause",
    "ClauseChange",
    "Decided",
    "Examples",
    "Finding",
    "Policy",
    "PolicyDiff",
    "brief",
    "diff_policies",
    "lint",
    "load_policy",
    "rests_on",
    "sentences",
    "starter_path",
    "starter_policy",
    "to_markdown",
    "to_yaml",
    "yaml_bytes",
]
