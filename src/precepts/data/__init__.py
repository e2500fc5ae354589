"""Data: cases of one's own, the starter pack, and a registry of public sets with licence, revision and digest."""

from precepts.data.cases import STARTER, load_cases, load_labelled, load_texts, parse_cases, starter_translations
from precepts.data.classification import CLASSIFICATION, classification_entry
from precepts.data.entry import DataFile, Entry, LabelledAnswer, LabelledText
from precepts.data.files import cache, copies, find, read_rules, read_texts
from precepts.data.overlap import ngrams, overlaps
from precepts.data.registry import ENTRIES, entry

__all__ = [
    "CLASSIFICATION",
    "ENTRIES",
    "STARTER",
    "DataFile",
    "Entry",
    "LabelledAnswer",
    "LabelledText",
    "cache",
    "classification_entry",
    "copies",
    "entry",
    "find",
    "load_cases",
    "load_labelled",
    "load_texts",
    "ngrams",
    "overlaps",
    "parse_cases",
    "read_rules",
    "read_texts",
    "starter_translations",
]
