"""What the engine is told, what it said when it died, what its counters mean, what the hardware can show."""

import json
from pathlib import Path

import pytest

from temper.config import Runtime
from temper.config.engine import EngineSettings
from temper.config.rungs import Free
from temper.engine import Usage, acceptance, command, engine_python, environment
from temper.engine.capabilities import cpu_capabilities, cuda_capabilities
from temper.engine.metrics import parse_counters
from temper.engine.server import decisive_line, serve
from temper.errors import EngineError

PYTHON = Path("engine/bin/python")
SETTINGS = EngineSettings(
    dtype="float32", max_model_len=1024, max_num_seqs=64, kv_cache_gib=1.5, draft_length=4, flags=("--seed", "7")
)


def value(line: list[str], flag: str) -> str:
    """What stands behind a flag, the last time that it is given."""
    return line[len(line) - 1 - line[::-1].index(flag) + 1]


def test_on_a_cpu_it_runs_eagerly_in_one_engine_process_with_a_cache_of_the_stated_size() -> None:
    line = command(PYTHON, Path("m"), SETTINGS, device="cpu", port=8123)
    assert "--enforce-eager" in line
    assert value(line, "--distributed-executor-backend") == "uni"
    assert value(line, "--kv-cache-memory-bytes") == str(3 * 2**29)
    assert (value(line, "--host"), value(line, "--port")) == ("127.0.0.1", "8123")


def test_on_gpus_nothing_of_the_cpu_is_asked_for_and_devices_share_the_model() -> None:
    settings = EngineSettings(
        dtype="bfloat16", max_model_len=8192, max_num_seqs=256, kv_cache_gib=1, draft_length=4, tensor_parallel=8
    )
    line = command(PYTHON, Path("m"), settings, device="cuda", port=1, fp8_kv=True)
    assert value(line, "--tensor-parallel-size") == "8"
    assert value(line, "--kv-cache-dtype") == "fp8"
    assert not {"--enforce-eager", "--kv-cache-memory-bytes", "--distributed-executor-backend"} & set(line)
    added = environment(PYTHON, settings, device="cuda", cpus=[0], cache=Path("c"))
    assert not {"LD_PRELOAD", "OMP_NUM_THREADS", "KMP_AFFINITY"} & added.keys()


def test_gpus_offload_cached_prefixes_and_only_where_prefixes_are_cached() -> None:
    offloading = SETTINGS.model_copy(update={"kv_offload_gib": 64})
    lines = {
        (device, cached): command(
            PYTHON, Path("m"), offloading.model_copy(update={"prefix_caching": cached}), device=device, port=1
        )
        for device in ("cpu", "cuda")
        for cached in (True, False)
    }
    assert value(lines["cuda", True], "--kv-offloading-size") == "64"
    assert [key for key, line in lines.items() if "--kv-offloading-size" in line] == [("cuda", True)]


def test_a_drafter_is_served_as_eagle3_and_the_presets_own_flags_win() -> None:
    line = command(PYTHON, Path("m"), SETTINGS, device="cpu", port=1, drafter=Path("d"))
    told = {"method": "eagle3", "model": "d", "num_speculative_tokens": 4}
    assert json.loads(value(line, "--speculative-config")) == told | {"disable_eagle_block_drop": True}
    on_gpus = command(PYTHON, Path("m"), SETTINGS, device="cuda", port=1, drafter=Path("d"))
    assert json.loads(value(on_gpus, "--speculative-config")) == told
    assert "--speculative-config" not in command(PYTHON, Path("m"), SETTINGS, device="cpu", port=1)
    assert value(line, "--seed") == "7"


def test_the_cpu_engine_is_bound_to_the_given_cores_and_stays_offline() -> None:
    added = environment(PYTHON, SETTINGS, device="cpu", cpus=[2, 3], cache=Path("c"))
    assert added["OMP_NUM_THREADS"] == "2"
    assert added["KMP_AFFINITY"].endswith("proclist=[2,3]")
    assert added["HF_HUB_OFFLINE"] == added["VLLM_NO_USAGE_STATS"] == "1"
    assert Path(added["VLLM_CACHE_ROOT"]).is_relative_to("c")


def test_the_decisive_line_is_the_cause_and_not_its_echo() -> None:
    log = """
(EngineCore pid=2) ERROR 11-22 23:10:05 [core.py:9] Traceback (most recent call last):
(EngineCore pid=2) ERROR 11-22 23:10:05 [core.py:9] ValueError: Available memory on node 0 is too small
(APIServer pid=1) RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {}
nanobind: leaked 4 instances!
"""
    assert decisive_line(log) == "ValueError: Available memory on node 0 is too small"
    told = "pydantic_core._pydantic_core.ValidationError: 1 validation error for ModelConfig\n  Value error, too long"
    assert decisive_line(told).endswith("ModelConfig: Value error, too long")
    assert decisive_line("python: No module named temper_vllm\n") == "python: No module named temper_vllm"
    assert decisive_line("") == "it wrote nothing"


def test_counters_are_summed_over_labels_and_gauges_left_out() -> None:
    text = """
# TYPE vllm:generation_tokens counter
vllm:generation_tokens_total{engine="0",model_name="temper"} 30.0
vllm:generation_tokens_total{engine="1",model_name="temper"} 12.0
vllm:num_requests_running{engine="0"} 3.0
python_info{version="3"} 1.0
"""
    assert parse_counters(text) == {"generation_tokens": 42.0}


def test_what_was_read_is_what_a_step_took_without_what_it_gave() -> None:
    text = """
vllm:iteration_tokens_total_bucket{engine="0",le="8.0"} 3.0
vllm:iteration_tokens_total_sum{engine="0"} 140.0
vllm:iteration_tokens_total_count{engine="0"} 7.0
vllm:generation_tokens_total{engine="0"} 40.0
"""
    usage = Usage.between({}, parse_counters(text))
    assert (usage.steps, usage.read_tokens, usage.output_tokens) == (7.0, 100.0, 40.0)


def test_acceptance_is_a_share_of_drafts_by_position() -> None:
    def counters(drafts: int, *accepted: int) -> dict[str, float]:
        text = [f'vllm:spec_decode_num_drafts_total{{engine="0"}} {drafts}.0']
        for place, count in enumerate(accepted):
            labels = f'engine="0",position="{place}"'
            text.append(f"vllm:spec_decode_num_accepted_tokens_per_pos_total{{{labels}}} {count}.0")
        return parse_counters("\n".join(text))

    assert acceptance(counters(10, 8, 4), counters(30, 26, 8)) == [0.9, 0.2]
    assert acceptance(counters(10, 8, 4), counters(10, 8, 4)) == []


def test_passes_and_first_tokens_are_read_from_what_the_engine_timed() -> None:
    text = """
vllm:generation_tokens_total{engine="0"} 160.0
vllm:time_to_first_token_seconds_bucket{engine="0",le="0.1"} 3.0
vllm:time_to_first_token_seconds_sum{engine="0"} 2.5
vllm:time_to_first_token_seconds_count{engine="0"} 10.0
vllm:inter_token_latency_seconds_count{engine="0"} 30.0
vllm:spec_decode_num_drafts_total{engine="0"} 30.0
vllm:spec_decode_num_accepted_tokens_total{engine="0"} 132.0
"""
    used = Usage.between({}, parse_counters(text))
    assert (used.answers, used.passes, used.tokens_per_step, used.cut_off) == (10, 30, 5.0, 12)
    assert Usage.between({}, {"generation_tokens": 9.0}).tokens_per_step is None


def test_ways_to_guess_ahead_that_cost_no_training_need_no_checkpoint() -> None:
    ways: tuple[Free, ...] = ("ngram", "suffix")
    lines = [command(PYTHON, Path("m"), SETTINGS, device="cpu", port=1, drafter=way) for way in ways]
    ngram, suffix = (json.loads(value(line, "--speculative-config")) for line in lines)
    assert suffix == {"method": "suffix", "num_speculative_tokens": 4}
    assert ngram == {"method": "ngram", "num_speculative_tokens": 4, "prompt_lookup_max": 5, "prompt_lookup_min": 2}


@pytest.mark.parametrize(
    ("flags", "bf16", "fp8", "kv"),
    [
        ("fpu avx avx2", False, False, False),
        ("avx2 avx512f avx512_bf16 amx_tile", True, False, True),
        ("avx512f amx_tile amx_bf16 amx_fp8", True, True, True),
    ],
)
def test_cpu_capabilities_follow_its_flags(flags: str, bf16: bool, fp8: bool, kv: bool) -> None:
    found = cpu_capabilities(f"model name\t: A CPU\nflags\t\t: {flags}\n")
    assert found.served(SETTINGS.model_copy(update={"dtype": "auto"})).dtype == ("bfloat16" if bf16 else "float32")
    assert found.served(SETTINGS) == SETTINGS
    assert (found.native_bf16, found.native_fp8, found.fp8_kv) == (bf16, fp8, kv)
    assert bool(found.fp8_reason) is not fp8
    assert found.devices == ("A CPU",)


def test_gpus_are_judged_by_the_weakest_and_versions_compare_as_numbers() -> None:
    assert cuda_capabilities([("NVIDIA H100", "9.0"), ("B", "10.0")], "").native_fp8
    mixed = cuda_capabilities([("NVIDIA H100", "9.0"), ("NVIDIA A100", "8.0")], "")
    assert (mixed.cuda_capability, mixed.native_fp8, mixed.native_bf16) == ("8.0", False, True)


def test_a_missing_engine_environment_is_named_with_its_remedy(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="make setup"):
        engine_python(Runtime(engine_python=str(tmp_path / "python")))


def test_a_folder_that_is_no_model_is_refused_before_anything_starts(tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.touch()
    runtime = Runtime(engine_python=str(python), device="cpu")
    with (
        pytest.raises(EngineError, match=r"config\.json"),
        serve(tmp_path, settings=SETTINGS, runtime=runtime, log=tmp_path / "log"),
    ):
        pass
