"""A card in the forms that others read: a hub's model card, the every-eval-ever schema, a safety case as an argument."""

from precepts.cards.exports.argument import argument
from precepts.cards.exports.every_eval_ever import SCHEMA_VERSION, Evaluator, records

__all__ = ["SCHEMA_VERSION", "Evaluator", "argument", "records"]
