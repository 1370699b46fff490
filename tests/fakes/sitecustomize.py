"""Put on PYTHONPATH by tests: every `temper.stages.NAME` is then the fake stage beside this file.

The process boundary is real (spec, report, events, exit codes); only the work behind it is not done.
"""

import importlib.util
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path

FAKE = Path(__file__).with_name("fake_stage.py")


class _Fakes:
    @staticmethod
    def find_spec(name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        if name.startswith("temper.stages."):
            return importlib.util.spec_from_file_location(name, FAKE)
        return None


sys.meta_path.insert(0, _Fakes)
