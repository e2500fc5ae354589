"""The suites, one file each. A suite is an Inspect task with its claims."""

from precepts.evals.suite import SUITES as SUITES
from precepts.evals.suites import (
    bias,
    discrimination,
    hallucination,
    hierarchy,
    jailbreak,
    persuasion,
    reasoning,
    refusal,
    regurgitation,
    scheming,
)

SUITES.update(
    (suite.name, suite)
    for suite in (
        refusal.SUITE,
        jailbreak.SUITE,
        bias.SUITE,
        discrimination.SUITE,
        hallucination.SUITE,
        hierarchy.SUITE,
        reasoning.SUITE,
        regurgitation.SUITE,
        persuasion.SUITE,
        scheming.SUITE,
    )
)
