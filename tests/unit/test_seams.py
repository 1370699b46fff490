"""The seams: flows load without torch, the command line without servers, one word names a stage everywhere."""

import re
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from temper.process.specs import SPECS, STAGES

ROOT = Path(__file__).parents[2]
FLOWS = sorted(path.stem for path in (ROOT / "flows").glob("*.py"))
HEAVY = {"torch", "transformers", "trl", "mlflow", "matplotlib", "great_expectations", "vllm"}


def loaded(statement: str, tmp_path: Path) -> set[str]:
    """Top-level modules in a fresh interpreter after `statement`."""
    code = f"{statement}; import sys; print(*sorted({{name.partition('.')[0] for name in sys.modules}}))"
    env = {"PATH": "", "TEMPER_HOME": str(tmp_path), "HOME": str(tmp_path)}
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True, text=True, check=True)
    return set(ended.stdout.split())


@pytest.mark.parametrize("flow", FLOWS)
def test_a_flow_loads_without_the_heavy_libraries(flow: str, tmp_path: Path) -> None:
    assert not HEAVY & loaded(f"import flows.{flow}", tmp_path)


def test_the_command_line_loads_without_servers_and_models(tmp_path: Path) -> None:
    assert not (HEAVY | {"prefect", "numpy"}) & loaded("import temper.cli", tmp_path)


def test_one_word_names_a_stage_everywhere() -> None:
    tasks = {path.stem for path in (ROOT / "tasks").glob("*.py")}
    stages = {path.stem for path in (ROOT / "src" / "temper" / "stages").glob("*.py")}
    assert set(STAGES) <= tasks
    assert {spec.facts.word for spec in SPECS if spec.facts.process} == stages - {"__init__"}


def test_the_page_of_the_stages_says_what_their_descriptors_say() -> None:
    page = (ROOT / "docs" / "reference" / "stages.md").read_text(encoding="utf-8")
    rows = [f"| `{spec.facts.word}` | {spec.facts.takes} | {spec.facts.makes} |" for spec in SPECS]
    assert [line for line in page.split("\n") if line.startswith("| `")] == rows


def test_packages_form_layers() -> None:
    """Whichever package imports another is above it: an order exists only where no imports run in a circle."""
    imports: dict[str, set[str]] = {}
    library = ROOT / "src" / "temper"
    for path in sorted(library.rglob("*.py")):
        room = path.relative_to(library).parts[0].removesuffix(".py")
        found = re.findall(r"^\s*from temper(?:\.| import )(\w+)", path.read_text(encoding="utf-8"), re.M)
        imports.setdefault(room, set()).update(set(found) - {room})
    list(TopologicalSorter(imports).static_order())  # raises CycleError, which names the circle


def test_no_file_of_a_flow_hides_a_dependency() -> None:
    locks = (ROOT / "requirements" / "pipeline.txt").read_text().lower()
    names = {line.partition("==")[0].strip() for line in locks.splitlines() if "==" in line}
    assert not set(FLOWS) & {name.replace("-", "_") for name in names}
