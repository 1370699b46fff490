"""What all tests share: fake stages get the variables that steer them, and each worker takes whole files."""

import os

import pytest

os.environ["TEMPER_STAGE_ENV"] = "FAKE_*"
os.environ["OMP_WAIT_POLICY"] = "passive"  # workers beside each other: threads that spin would take the others' cores

LONGEST = ("flows", "pipeline", "faults")
"""Folders whose tests take longest, in the order in which they start."""


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest first. A file's tests stay together, and all of `flows`, which share two servers."""
    order = {folder: number for number, folder in enumerate(LONGEST)}
    items.sort(key=lambda item: order.get(item.path.parent.name, len(order)))
    for item in items:
        item.add_marker(pytest.mark.xdist_group("flows" if item.path.parent.name == "flows" else item.path.name))
