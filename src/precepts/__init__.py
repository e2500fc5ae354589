"""Teach a model your written policy, and prove with numbers anyone can recompute that it keeps it."""

__version__ = "0.1.0"
