"""`bench doctor` finds weights, and fetches them whole or not at all; never from the network in tests."""

from __future__ import annotations

import hashlib
import http.server
import sys
import threading
from pathlib import Path

import pytest

from benchmark import cli
from benchmark.errors import UserError
from benchmark.metrics import weights
from benchmark.metrics.weights import WeightsFile, download_weights, find_weights, weights_state

CONTENT = b"weights " * 1000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves the file, and half of it as if the line had broken."""

    def do_GET(self) -> None:
        if self.path not in ("/whole.pt", "/half.pt"):
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        self.wfile.write(CONTENT if self.path == "/whole.pt" else CONTENT[: len(CONTENT) // 2])

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture(scope="module")
def server():
    serving = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=serving.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{serving.server_port}"
    serving.shutdown()


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "home")
    monkeypatch.setenv("BENCH_WEIGHTS", str(tmp_path / "weights"))
    return tmp_path / "weights"


def offer(monkeypatch, url: str, sha256: str | None = None) -> None:
    monkeypatch.setattr(weights, "WEIGHTS", {"inception": WeightsFile(url, sha256)})
    monkeypatch.setattr("benchmark.commands.doctor.WEIGHTS", weights.WEIGHTS)


def run(monkeypatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["bench", "doctor", *arguments])
    try:
        cli.main()
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def test_a_file_is_fetched_whole_with_its_hash_and_only_once(home, monkeypatch, server):
    offer(monkeypatch, f"{server}/whole.pt", SHA256)
    path = download_weights("inception")
    assert path == home / "whole.pt"
    assert path.read_bytes() == CONTENT
    assert (home / "whole.pt.sha256").read_text() == f"{SHA256}  whole.pt\n"
    assert weights_state(path) == f"SHA-256 {SHA256[:16]}"
    assert find_weights("inception") == path
    offer(monkeypatch, f"{server}/gone/whole.pt")
    assert download_weights("inception") == path  # what is there is not fetched again
    path.write_bytes(CONTENT[:-1])
    assert weights_state(path).endswith("CHANGED since it was fetched")


def test_files_work_as_sources_too(home, monkeypatch, tmp_path):
    (tmp_path / "net.pt").write_bytes(CONTENT)
    offer(monkeypatch, (tmp_path / "net.pt").as_uri())
    assert download_weights("inception").read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("path", "sha256", "said"),
    [
        ("half.pt", None, f"{len(CONTENT) // 2} of {len(CONTENT)} bytes came"),
        ("missing.pt", None, "404"),
        ("whole.pt", "0" * 64, f"has SHA-256 {SHA256}, not 000"),
    ],
)
def test_what_is_not_the_whole_right_file_is_not_kept(home, monkeypatch, server, path, sha256, said):
    offer(monkeypatch, f"{server}/{path}", sha256)
    with pytest.raises(UserError) as error:
        download_weights("inception")
    assert said in error.value.message
    assert "by hand from" in error.value.hint
    assert len(str(error.value).splitlines()) == 2
    assert list(home.iterdir()) == []


def test_the_command_fetches_and_says_what_is_there(home, monkeypatch, server, capsys):
    offer(monkeypatch, f"{server}/whole.pt")
    assert run(monkeypatch) == 0
    before = capsys.readouterr().out
    assert "missing: whole.pt" in before
    assert str(home) in before
    assert "torch" in before
    assert "bfloat16" in before
    assert run(monkeypatch, "--download", "inception") == 0
    assert run(monkeypatch) == 0
    assert SHA256[:16] in capsys.readouterr().out
    assert run(monkeypatch, "--download", "incepton") == 2
    assert "Known: inception" in capsys.readouterr().err


def test_every_source_names_a_file_over_https():
    for name, file in weights.WEIGHTS.items():
        assert file.url.startswith("https://"), name
        assert file.name.rpartition(".")[2] in ("pt", "pth"), name
