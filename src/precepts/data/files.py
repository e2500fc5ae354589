"""Where the files of a data set are: a folder of copies, the user's cache, or the public home at the pinned revision.

`PRECEPTS_DATA` names a folder of copies, one folder a set. `PRECEPTS_CACHE` names the cache; without it the cache is
`precepts/data` in `XDG_CACHE_HOME` or `~/.cache`. A file is used only if its sha256 is the one on record.
"""

from __future__ import annotations

import gzip
import hashlib
import http.client
import os
import tarfile
import urllib.error
import urllib.request
from pathlib import Path

from precepts.data.entry import DataFile, Entry
from precepts.errors import DigestError, InputError, MissingError
from precepts.runs import write_atomic

_MOST_BYTES = 64 << 20  # the largest registered file has 2 MB; a server that sends more sends something else
_TIMEOUT_S = 30


def copies() -> Path | None:
    """The folder of copies that `PRECEPTS_DATA` names, None if it is not set.

    Raises:
        MissingError: If it names something that is not a folder.
    """
    given = os.environ.get("PRECEPTS_DATA")
    if not given:
        return None
    folder = Path(given).expanduser()
    if not folder.is_dir():
        raise MissingError(f"PRECEPTS_DATA names {folder}, which is not a folder. Correct it, or unset it to download.")
    return folder


def cache() -> Path:
    """The folder that downloads go to; it need not exist yet."""
    if given := os.environ.get("PRECEPTS_CACHE"):
        return Path(given).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "precepts" / "data"


def read_texts(entry: Entry, *, download: bool = True) -> dict[str, str]:
    """The files of a set by key, each with the digest on record, decompressed and decoded.

    Args:
        entry: The set.
        download: Whether a file that is not on this machine may be had from its public home.

    Raises:
        MissingError: If a file is not here and cannot be downloaded; the message says where to put it.
        DigestError: If a file is not the one on record.
    """
    return {file.key: _decode(find(entry, file, download=download), file) for file in entry.files}


def read_rules(entry: Entry, *, download: bool = True) -> dict[str, str]:
    """The written rules that a set's texts were labelled under, by category; empty where the set has none. As `read_texts`."""
    return {file.key: _decode(find(entry, file, download=download), file) for file in entry.rules}


def find(entry: Entry, file: DataFile, *, download: bool = True) -> Path:
    """The path of one file of a set whose digest was checked, downloaded first if need be. Raises as `read_texts`."""
    folder = copies()
    for name, digest in file.accepted.items() if folder else ():
        path = Path(folder or "") / entry.name / name
        if path.exists():
            return _checked(path, digest, "Restore it, or take it out of PRECEPTS_DATA to use the public file.")
    path = cache() / entry.name / entry.revision / file.cached_as
    if path.exists():
        return _checked(path, file.sha256, "Delete it and run the command again to download it anew.")
    if not download:
        raise MissingError(f"The data set {entry.name} is not on this machine. {_by_hand(entry, file, path)}")
    data = _download(entry, file, path)
    found = hashlib.sha256(data).hexdigest()
    if found != file.sha256:
        raise DigestError(
            f"{file.url} is not the file on record: its sha256 is {found}, expected {file.sha256}. Nothing was kept. "
            "Try again; if it stays so, the file or the connection was changed: do not use it."
        )
    write_atomic(path, data)
    return path


def _download(entry: Entry, file: DataFile, path: Path) -> bytes:
    """The bytes at the file's public home."""
    request = urllib.request.Request(file.url, headers={"User-Agent": "precepts"})
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as response:
            data = response.read(_MOST_BYTES + 1)
    except (OSError, http.client.HTTPException) as error:  # URLError and timeouts are OSError
        if isinstance(error, urllib.error.HTTPError):
            error.close()  # it holds the connection
        raise MissingError(
            f"The data set {entry.name} is not on this machine and could not be downloaded ({error}). "
            + _by_hand(entry, file, path)
        ) from None
    if len(data) > _MOST_BYTES:
        raise DigestError(f"{file.url} is not the file on record: it is too large. Nothing was kept.")
    return data


def _by_hand(entry: Entry, file: DataFile, path: Path) -> str:
    return (
        f"Connect to the network and try again; or get {file.url} on another machine and put it at {path} "
        f"(sha256 {file.sha256}); or set PRECEPTS_DATA to a folder that holds {entry.name}/{file.copy or file.name}."
    )


def _checked(path: Path, digest: str, remedy: str) -> Path:
    try:
        found = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise InputError.at(path, None, f"cannot be read ({error.strerror}). {remedy}") from None
    if found != digest:
        raise DigestError(f"{path} is not the file on record: its sha256 is {found}, expected {digest}. {remedy}")
    return path


def _decode(path: Path, file: DataFile) -> str:
    if file.member and path.name == file.name:
        with tarfile.open(path) as archive:
            found = next(m for m in archive.getmembers() if m.name.rsplit("/", 1)[-1] == file.member)
            inside = archive.extractfile(found)
            assert inside is not None, f"{file.member} is a file of the archive on record"
            return inside.read().decode(file.encoding)
    data = path.read_bytes()
    return (gzip.decompress(data) if path.suffix == ".gz" else data).decode(file.encoding)
