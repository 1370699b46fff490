"""What temper itself costs: engine starts, digests of large files, and a run that has nothing to compute.

    .venv/bin/python benchmarks/overhead.py --preset demo --rounds 5 --out docs/results/overhead.md

The preset has to have been run before in this checkout; its base model is what the engine starts with.
"""

import argparse
import os
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from temper.artifacts.contents import contents
from temper.config import load_preset
from temper.engine import serve
from temper.home import app_root, home
from temper.process.launch import launch
from temper.process.specs import BaseSpec

GIGABYTES = 4
"""Size of the file that is digested, in GB of random bytes."""


def main() -> None:
    """Measure all three and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", default="demo")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="temper-overhead-", dir=home()) as folder:
        rows = [
            ("engine, from process start to healthy, s", starts(options.preset, options.rounds, Path(folder))),
            ("digest of the file, GB/s", digests(options.rounds, Path(folder))),
            *again(options.preset, options.rounds),
        ]
    command = f"benchmarks/overhead.py --preset {options.preset} --rounds {options.rounds} --out {options.out}"
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # Linux counts KiB
    lines = [
        "# What temper itself costs",
        "",
        f"Made by `.venv/bin/python {command}` on {os.cpu_count()} CPU cores, {options.rounds} rounds of each.",
        f"The file has {GIGABYTES} GB; this process took {peak:.0f} MiB at most.",
        "",
        "| | median | lowest | highest |",
        "|---|---|---|---|",
        *(f"| {n} | {statistics.median(v):.2f} | {min(v):.2f} | {max(v):.2f} |" for n, v in rows),
    ]
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))


def starts(preset: str, rounds: int, folder: Path) -> list[float]:
    """Seconds of each engine start with the preset's base model."""
    config = load_preset(preset)
    launch(BaseSpec.of(config), folder / "base", {}, config.runtime)
    seconds = []
    for number in range(rounds):
        log = folder / f"engine-{number}.log"
        with serve(
            folder / "base" / "out" / "model", settings=config.engine, runtime=config.runtime, log=log
        ) as engine:
            seconds.append(engine.start_s)
    return seconds


def digests(rounds: int, folder: Path) -> list[float]:
    """GB a second, as the store digests a folder."""
    large = folder / "large"
    large.mkdir()
    with (large / "weights").open("wb") as file:
        for _ in range(GIGABYTES * 1000):
            file.write(os.urandom(1_000_000))
    speeds = []
    for _ in range(rounds):
        began = time.perf_counter()
        contents(large)
        speeds.append(GIGABYTES / (time.perf_counter() - began))
    return speeds


def again(preset: str, rounds: int) -> list[tuple[str, list[float]]]:
    """Seconds of a run with every result in the cache: the whole command, and the flow alone."""
    whole, flow = [], []
    for _ in range(rounds):
        began = time.perf_counter()
        command = [str(Path(sys.executable).with_name("temper")), "run", preset]
        ended = subprocess.run(command, cwd=app_root(), capture_output=True, text=True, check=False)
        whole.append(time.perf_counter() - began)
        if "computed: nothing" not in ended.stdout:
            raise SystemExit(f"not everything was in the cache: run `temper run {preset}` first\n{ended.stdout[-500:]}")
        flow.append(float(re.findall(r"(?:done|ended) after (\d+) s", ended.stdout)[-1]))
    return [
        ("all cached: command, servers' start included, s", whole),
        ("all cached: flow, its interpreter included, s", flow),
    ]


if __name__ == "__main__":
    main()
