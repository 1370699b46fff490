"""What all tests share: fake stages get the variables that steer them, and two workers each take whole files."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

os.environ["TEMPER_STAGE_ENV"] = "FAKE_*"

LONGEST = ("flows", "pipeline", "faults")
"""Folders whose tests take longest, in the order in which they start. Those of `flows` share two servers."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest first; a worker keeps a file's tests together, or a folder's where they share what is slow to start."""
    items.sort(key=lambda item: _folders(item.path).index(item.path.parent.name))
    for item in items:
        item.add_marker(pytest.mark.xdist_group("flows" if item.path.parent.name == "flows" else item.path.name))


def _folders(path: Path) -> list[str]:
    """The order of the folders of tests."""
    others = sorted({path.parent.name} - set(LONGEST))
    return [*LONGEST, *others]
