"""What the store promises: equal contents once, whole or not there, and it says which file is wrong."""

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from temper.artifacts.refs import StageResult
from temper.artifacts.store import Store
from temper.errors import StoreError


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEMPER_HOME", str(tmp_path / "home"))


def folder(path: Path, **files: bytes) -> Path:
    for name, data in files.items():
        target = path / name.replace("__", "/").replace("_", ".")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    return path


def model(path: Path, weights: bytes = b"weights") -> Path:
    return folder(path, model_safetensors=weights, config_json=b"{}", sub__tokenizer_json=b"[]")


def test_what_goes_in_comes_out(store: Store, tmp_path: Path) -> None:
    ref = store.publish(model(tmp_path / "m"), "model")
    opened = store.open(ref)
    assert (opened / "model.safetensors").read_bytes() == b"weights"
    assert (opened / "sub" / "tokenizer.json").read_bytes() == b"[]"
    assert store.whole(ref)
    assert store.size(ref) == 11


def test_equal_folders_have_one_digest_and_different_ones_two(store: Store, tmp_path: Path) -> None:
    first, second = (store.publish(model(tmp_path / name), "model") for name in ("a", "b"))
    assert first == second
    assert store.publish(model(tmp_path / "c", b"others"), "model").digest != first.digest


def test_a_file_that_has_another_name_is_copied_not_shared(store: Store, tmp_path: Path) -> None:
    source = model(tmp_path / "m")
    os.link(source / "config.json", tmp_path / "kept.json")
    ref = store.publish(source, "model")
    (tmp_path / "kept.json").write_text("changed afterwards")
    assert (store.open(ref) / "config.json").read_bytes() == b"{}"


@pytest.mark.parametrize("damage", ["changed", "cut", "missing"])
def test_open_names_the_wrong_file_and_a_new_publish_mends_it(store: Store, tmp_path: Path, damage: str) -> None:
    ref = store.publish(model(tmp_path / "m"), "model")
    weights = Path(ref.uri) / "model.safetensors"
    weights.chmod(0o644)
    if damage == "missing":
        weights.unlink()
    else:
        weights.write_bytes(b"Weights" if damage == "changed" else b"w")
    assert not store.whole(ref)
    with pytest.raises(StoreError, match=r"model\.safetensors is (damaged|missing); run again"):
        store.open(ref)
    assert store.publish(model(tmp_path / "again"), "model") == ref
    assert store.whole(ref)


@pytest.mark.parametrize("name", ["pytorch_model.bin", "a/b.pt", "x.PKL", "y.ckpt"])
def test_weights_that_run_code_are_refused(store: Store, tmp_path: Path, name: str) -> None:
    source = model(tmp_path / "m")
    (source / name).parent.mkdir(exist_ok=True)
    (source / name).write_bytes(b"pickle")
    with pytest.raises(StoreError, match="safetensors"):
        store.publish(source, "model")


def test_nothing_to_publish_is_an_error(store: Store, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(StoreError, match="nothing to publish"):
        store.publish(tmp_path / "empty", "report")


def test_a_result_is_known_while_its_artifacts_are_whole(store: Store, tmp_path: Path) -> None:
    ref = store.publish(model(tmp_path / "m"), "model")
    result = StageResult(
        stage="sft", key="k", artifacts={"model": ref}, metrics={"loss": 1.0}, wall_s=1, run_id="r", pipeline_id="p"
    )
    store.put_result(result)
    found = store.result("k")
    assert found is not None and found.model == ref and found.metrics == {"loss": 1.0}
    (Path(ref.uri) / "config.json").unlink()
    assert store.result("k") is None
    assert store.result("unknown") is None


def test_a_forgotten_result_is_unknown(store: Store, tmp_path: Path) -> None:
    ref = store.publish(model(tmp_path / "m"), "model")
    store.put_result(
        StageResult(stage="s", key="k", artifacts={"model": ref}, metrics={}, wall_s=1, run_id="r", pipeline_id="p")
    )
    store.forget("k")
    assert store.result("k") is None
    assert store.whole(ref)


def test_any_fsspec_url_does(tmp_path: Path) -> None:
    store = Store("memory://bucket/store")
    ref = store.publish(model(tmp_path / "m"), "model")
    assert store.whole(ref)
    assert (store.open(ref) / "sub" / "tokenizer.json").read_bytes() == b"[]"
    store._tree.rm(f"{ref.uri}/config.json")
    assert not store.whole(ref)


def test_a_damaged_remote_artifact_is_found(tmp_path: Path) -> None:
    store = Store("memory://other/store")
    ref = store.publish(model(tmp_path / "m"), "model")
    store._tree.pipe_file(f"{ref.uri}/config.json", b"[]")
    with pytest.raises(StoreError, match=r"config\.json is damaged"):
        store.open(ref)


def test_an_unknown_kind_of_store_is_one_line() -> None:
    with pytest.raises(StoreError, match=r"runtime\.store"):
        Store("nothing-like-it://x")


FULL = """
import resource, signal, sys
from pathlib import Path
from temper.errors import StoreError
from temper.artifacts.store import Store
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))  # refused as on a full disk
try:
    Store(sys.argv[1]).publish(Path(sys.argv[2]), "model")
except StoreError as error:
    print(error)
    sys.exit(error.exit_code)
"""


def test_a_full_disk_is_one_line_and_leaves_the_store_whole(store: Store, tmp_path: Path) -> None:
    small = store.publish(model(tmp_path / "small"), "model")
    large = model(tmp_path / "large", b"w" * 200_000)
    os.link(large / "model.safetensors", tmp_path / "forces-a-copy")
    assert resource.RLIMIT_FSIZE
    command = [sys.executable, "-c", FULL, store.url, str(large)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == StoreError.exit_code, ended.stderr
    assert "no space left" in ended.stdout and "TEMPER_HOME" in ended.stdout
    assert store.whole(small)
    left = [path.name for path in (Path(store.url) / "model").iterdir()]
    assert sorted(left) == sorted([Path(small.uri).name, Path(small.uri).name + ".json"])
