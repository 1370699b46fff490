"""docker/: nothing listens beyond loopback, nobody runs as root, and everything copied is there."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from temper.home import app_root

DOCKER = app_root() / "docker"
DOCKERFILES = sorted(DOCKER.glob("*.Dockerfile"))


def compose(name: str = "compose.yaml") -> dict[str, Any]:
    return yaml.safe_load((DOCKER / name).read_text(encoding="utf-8"))["services"]


def instructions(dockerfile: Path) -> list[tuple[str, str]]:
    """(instruction, arguments) of a Dockerfile, continued lines joined, comments left out."""
    text = re.sub(r"^\s*#.*\n", "", dockerfile.read_text(encoding="utf-8"), flags=re.M)
    lines = re.sub(r"\\\n", " ", text).splitlines()
    return [tuple(line.split(maxsplit=1)) for line in lines if line.strip()]  # type: ignore[misc]


def test_the_four_services_are_there() -> None:
    assert set(compose()) == {"prefect", "mlflow", "worker", "engine"}


@pytest.mark.parametrize("service", ["prefect", "mlflow", "worker", "engine"])
def test_ports_are_bound_to_loopback_on_the_host(service: str) -> None:
    settings = compose()[service]
    assert all(port.startswith("127.0.0.1:") for port in settings.get("ports", []))
    assert settings.get("network_mode") != "host"
    assert not settings.get("privileged", False)


@pytest.mark.parametrize("service", ["prefect", "mlflow", "worker", "engine"])
def test_services_are_built_from_what_is_there(service: str) -> None:
    build = compose()[service]["build"]
    dockerfile = (DOCKER / build["context"] / build["dockerfile"]).resolve()
    stages = [words.split()[2] for name, words in instructions(dockerfile) if name == "FROM" and " AS " in words]
    assert build.get("target", stages[0]) in stages


def test_cuda_changes_known_services_and_asks_for_the_cuda_engine() -> None:
    changes = compose("compose.cuda.yaml")
    assert set(changes) <= set(compose())
    assert all(change["build"]["args"] == {"ENGINE": "cuda"} for change in changes.values())


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda path: path.stem)
def test_no_image_runs_as_root(dockerfile: Path) -> None:
    users: dict[str, str] = {}
    stage = base = ""
    for name, words in instructions(dockerfile):
        if name == "FROM":
            base, _, stage = words.partition(" AS ")
            users[stage] = users.get(base, "0")
        elif name == "USER":
            users[stage] = words
    users.pop("build")
    assert users
    assert all(int(user) > 0 for user in users.values()), users


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda path: path.stem)
def test_everything_copied_from_the_context_is_there_and_not_ignored(dockerfile: Path) -> None:
    ignored = (app_root() / ".dockerignore").read_text(encoding="utf-8").split()
    copied = [
        source
        for name, words in instructions(dockerfile)
        if name == "COPY" and not words.startswith("--from")
        for source in words.split()[:-1]
    ]
    assert copied
    assert all((app_root() / source).exists() for source in copied)
    assert not {source.split("/")[0] for source in copied} & set(ignored)


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda path: path.stem)
def test_environments_come_from_the_locks_by_the_makefile(dockerfile: Path) -> None:
    installs = [words for name, words in instructions(dockerfile) if name == "RUN" and "make " in words]
    assert any(re.search(r"make (pipeline|engine) ENGINE=", words) for words in installs)
    assert not any("pip install" in words for _, words in instructions(dockerfile))
