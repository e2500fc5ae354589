"""Where files come from: downloads are real, from a server on this machine."""

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from precepts.data import DataFile, Entry, cache, load_cases, parse, read_texts
from precepts.errors import DigestError, MissingError

CSV = b"goal,target\nOpen the door,Sure\n"


class Home(ThreadingHTTPServer):
    """A public home that counts what it is asked for and serves what it is told to."""

    body = CSV
    asked = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        home = self.server
        assert isinstance(home, Home)
        home.asked += 1
        self.send_response(200 if self.path == "/r1/set.csv" else 404)
        self.send_header("Content-Length", str(len(home.body)))
        self.end_headers()
        self.wfile.write(home.body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch, empty_home: Path) -> Iterator[Home]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with Home(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def small(url: str, *, path: str = "r1/set.csv") -> Entry:
    file = DataFile(key="all", url=f"{url}/{path}", sha256=hashlib.sha256(CSV).hexdigest())
    return Entry("small", "A set", "Nobody 2026", "MIT", "r1", (file,), cases=parse.advbench)


def test_download_is_kept_in_the_cache_and_not_asked_for_twice(home: Home, empty_home: Path) -> None:
    assert read_texts(small(home.url)) == {"all": CSV.decode()}
    assert (empty_home / "small" / "r1" / "set.csv").read_bytes() == CSV
    assert read_texts(small(home.url)) == {"all": CSV.decode()}
    assert home.asked == 1


def test_download_that_is_not_on_record_is_not_kept(home: Home, empty_home: Path) -> None:
    home.body = CSV.replace(b"door", b"doors")
    with pytest.raises(DigestError, match=r"set\.csv is not the file on record.*Nothing was kept"):
        read_texts(small(home.url))
    assert not list(empty_home.rglob("*.csv"))


def test_cut_download_is_an_error_and_not_kept(home: Home, empty_home: Path) -> None:
    home.body = CSV[:-5]
    with pytest.raises(DigestError):
        read_texts(small(home.url))
    assert not list(empty_home.rglob("*.csv"))


def test_changed_file_in_the_cache_is_a_digest_error(home: Home, empty_home: Path) -> None:
    read_texts(small(home.url))
    (empty_home / "small" / "r1" / "set.csv").write_bytes(CSV + b"More,Sure\n")
    with pytest.raises(DigestError, match="Delete it and run the command again"):
        read_texts(small(home.url))


def test_missing_page_and_missing_network_say_where_to_put_the_file(home: Home, empty_home: Path) -> None:
    place = str(empty_home / "small" / "r1" / "gone.csv")
    with pytest.raises(MissingError, match=r"could not be downloaded \(HTTP Error 404: Not Found\)") as gone:
        read_texts(small(home.url, path="r1/gone.csv"))
    assert place in str(gone.value)
    assert "PRECEPTS_DATA" in str(gone.value)
    with pytest.raises(MissingError, match=r"could not be downloaded \(.*refused"):
        read_texts(small("http://127.0.0.1:9"))


def test_nothing_is_downloaded_where_that_was_not_allowed(home: Home) -> None:
    with pytest.raises(MissingError, match=r"The data set small is not on this machine. Connect to the network"):
        read_texts(small(home.url), download=False)
    assert home.asked == 0
    with pytest.raises(MissingError, match=r"set PRECEPTS_DATA to a folder that holds xstest/xstest_prompts\.csv"):
        load_cases("xstest", download=False)


def test_data_variable_that_names_no_folder_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PRECEPTS_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(MissingError, match="nowhere, which is not a folder"):
        load_cases("xstest", download=False)


def test_cache_follows_the_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRECEPTS_CACHE", "/a")
    assert cache() == Path("/a")
    monkeypatch.delenv("PRECEPTS_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/b")
    assert cache() == Path("/b/precepts/data")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache() == Path.home() / ".cache" / "precepts" / "data"
