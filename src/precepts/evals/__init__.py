"""Evaluations: a model over cases, judged, as Evidence.

`complete` runs an arm by planned batches; `judge_all` makes the flat table of scores that every number is computed from; `arm_evidence`
and `paired_evidence` state the claims. IFEval is checked by program.

Suites (`suites/`) are Inspect tasks with claims; `run` runs them, `claims` makes their Evidence, `compare` tests the paired differences, `planning`
says beforehand what a run can show. Importing this room alone does not load Inspect.
"""
