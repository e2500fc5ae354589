"""The written policy: what was decided, read from YAML, briefed to teachers and judges, checked for holes.

`load_policy` gives a `Policy` of categories of clauses; `brief` is the text put before a teacher or a judge, never
before a student; `lint` lists what a policy author should mend, with file and line.
"""

from precepts.policy.brief import brief, sentences
from precepts.policy.lint import Finding, lint
from precepts.policy.load import load_policy, starter_path, starter_policy
from precepts.policy.schema import Category, Clause, Decided, Examples, Policy

__all__ = [
    "Category",
    "Clause",
    "Decided",
    "Examples",
    "Finding",
    "Policy",
    "brief",
    "lint",
    "load_policy",
    "sentences",
    "starter_path",
    "starter_policy",
]
