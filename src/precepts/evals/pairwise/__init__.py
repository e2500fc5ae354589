"""Two models side by side, rated blind by people: a page that stands alone, its key kept apart, and what the ratings say."""

from precepts.evals.pairwise.answers import Answer, paired, read_answers
from precepts.evals.pairwise.page import write_page
from precepts.evals.pairwise.ratings import read_ratings, write_comparison

__all__ = ["Answer", "paired", "read_answers", "read_ratings", "write_comparison", "write_page"]
