"""Hypothesis without a deadline: a busy machine is no defect."""

from hypothesis import settings

settings.register_profile("judges", deadline=None, max_examples=60)
settings.load_profile("judges")
