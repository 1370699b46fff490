"""The doctor: notices what differs from a lock, and what does not answer, and names the remedy."""

import http.server
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from temper import doctor
from temper.home import app_root

LOCK = """\
# made by uv
torch==2.13.0
    # via -r pipeline.in
Jinja2==3.1.6 \\
    --hash=sha256:00
pywin32==311 ; sys_platform == 'win32'
"""


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    path = tmp_path / "pipeline.txt"
    path.write_text(LOCK, encoding="utf-8")
    return path


def test_same_versions_match_whatever_the_build_and_the_spelling(lock: Path) -> None:
    assert doctor.beside_lock("it", {"torch": "2.13.0+cpu", "jinja2": "3.1.6"}, [lock]).level == "ok"


@pytest.mark.parametrize(
    ("installed", "said"),
    [
        ({"torch": "2.13.0"}, "Jinja2 is missing"),
        ({"torch": "2.12.1", "jinja2": "3.1.6"}, "torch is 2.12.1, not 2.13.0"),
    ],
)
def test_differences_are_named_with_the_remedy(lock: Path, installed: dict[str, str], said: str) -> None:
    finding = doctor.beside_lock("it", installed, [lock])
    assert finding.level == "fail"
    assert said in str(finding)
    assert "make setup" in str(finding)


def test_an_environment_is_judged_by_the_lock_it_was_made_from(lock: Path, tmp_path: Path) -> None:
    cuda = tmp_path / "pipeline-cuda.txt"
    cuda.write_text("torch==2.13.0\njinja2==3.1.6\nnvidia-nccl-cu13==2.29.7\n", encoding="utf-8")
    installed = {"torch": "2.13.0", "jinja2": "3.1.6"}
    assert doctor.beside_lock("it", installed, [lock, cuda]).what == "it matches pipeline.txt"
    assert doctor.beside_lock("it", {**installed, "nvidia-nccl-cu13": "2.29.7"}, [cuda, lock]).level == "ok"


def test_an_environment_whose_versions_match_and_whose_library_does_not_load_fails(tmp_path: Path) -> None:
    (tmp_path / "torch.py").write_text("raise ImportError('libcudnn.so.9: cannot open shared object file')")
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import torch"
    finding = doctor.imports("it", sys.executable, "torch", code)
    assert finding.level == "fail"
    assert "torch does not load (ImportError: libcudnn.so.9" in finding.what
    assert "PYTHON=python3.11" in finding.remedy
    assert doctor.imports("it", sys.executable, "json", "import json").level == "ok"


def test_a_library_that_takes_for_ever_to_load_is_no_hang(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "IMPORT_S", 0.5)
    finding = doctor.imports("it", sys.executable, "torch", "import time; time.sleep(60)")
    assert finding.level == "warn"
    assert "did not load within" in finding.what


@pytest.fixture
def server() -> Iterator[str]:
    """A server that answers 404 to everything but /health."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/api/health" else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as served:
        thread = threading.Thread(target=served.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{served.server_port}"
        served.shutdown()
        thread.join()


def test_a_server_that_answers_is_well(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_API_URL", f"{server}/api")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
    assert [finding.level for finding in doctor.servers()] == ["ok", "warn"]


def test_a_server_that_is_gone_fails_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")  # the discard port: nobody listens
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    prefect, mlflow = doctor.servers()
    assert prefect.level == "fail"
    assert "unset PREFECT_API_URL" in prefect.remedy
    assert mlflow.level == "ok"


def test_a_home_that_cannot_be_written_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEMPER_HOME", "/proc")
    (finding,) = doctor.state()
    assert finding.level == "fail"
    assert "TEMPER_HOME" in finding.remedy


def test_every_lock_of_the_house_can_be_read() -> None:
    locks = sorted(path for path in (app_root() / "requirements").glob("*.txt") if path.stem not in {"overrides", "uv"})
    environments = {"assets", "dev", "engine-cpu", "engine-cuda", "engine-optional", "pipeline", "pipeline-cuda"}
    assert {path.stem for path in locks} == environments
    for lock in locks:
        requirements = doctor.locked(lock)
        assert requirements
        assert all(str(requirement.specifier).startswith("==") for requirement in requirements), lock
