"""Local pages over runs: which there are, what each case got, two of them compared, labels of a person.

`find_runs` and `Library` read run directories, which are never written to; labels go to a directory of their own. `make_app` serves
them to a browser on the same machine.
"""

from precepts.serve.app import make_app
from precepts.serve.guard import Guard
from precepts.serve.library import Library
from precepts.serve.tables import RunFolder, Table, find_runs

__all__ = ["Guard", "Library", "RunFolder", "Table", "find_runs", "make_app"]
