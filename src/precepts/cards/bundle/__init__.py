"""The evidence bundle: a directory whose every byte is named by a digest, and a check that says which byte is not.

Three things hold it together: `statement.json`, an in-toto statement with the digest of every file; `log.jsonl`, a chain
of entries (built, signed, signed off) whose first names the statement; and, if a key was given, a signature of the
statement. Tables with text may be withheld: the root of a Merkle tree stands for them, and single rows can be opened.
"""

from precepts.cards.bundle.ledger import LOG, Entry, append, check_log, read_log
from precepts.cards.bundle.merkle import Opening, check_opening, open_row, tree_root
from precepts.cards.bundle.sign import SIGNATURE, sign, verify_signature
from precepts.cards.bundle.statement import STATEMENT, Finding, check_files, make_statement
from precepts.cards.bundle.withheld import Withheld, withhold

__all__ = [
    "LOG",
    "SIGNATURE",
    "STATEMENT",
    "Entry",
    "Finding",
    "Opening",
    "Withheld",
    "append",
    "check_files",
    "check_log",
    "check_opening",
    "make_statement",
    "open_row",
    "read_log",
    "sign",
    "tree_root",
    "verify_signature",
    "withhold",
]
