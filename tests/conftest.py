"""What all tests share: fake stages get the variables that steer them, and what takes longest starts first."""

import os

import pytest

os.environ["TEMPER_STAGE_ENV"] = "FAKE_*"
os.environ["OMP_WAIT_POLICY"] = "passive"  # workers beside each other: threads that spin would take the others' cores

LONGEST = ("flows", "pipeline", "faults")
"""Folders whose tests take longest, in the order in which they start."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest first, so that no worker is left alone with them at the end."""
    order = {folder: number for number, folder in enumerate(LONGEST)}
    items.sort(key=lambda item: order.get(item.path.parent.name, len(order)))
