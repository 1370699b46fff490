"""What the store promises: equal contents once, whole or not there, and it says which file is wrong."""

import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from temper.artifacts.contents import Contents, Entry, contents
from temper.artifacts.refs import ModelRef, StageResult
from temper.artifacts.store import Store
from temper.errors import StoreError
from tests.unit.champion_case import flip_a_bit


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


def test_one_flipped_bit_with_its_time_kept_is_found_by_verify(store: Store, tmp_path: Path) -> None:
    ref = store.publish(model(tmp_path / "m"), "model")
    store.verify(ref)
    weights = Path(ref.uri) / "model.safetensors"
    flip_a_bit(weights)
    assert store.whole(ref), "size and time say nothing"
    with pytest.raises(StoreError, match=r"model\.safetensors is damaged; put it back from a copy, or run again"):
        store.verify(ref)
    assert weights.exists(), "the rest of a champion may be all that is left of it"
    assert not store.whole(ref), "the next run makes it anew"
    weights.unlink()
    with pytest.raises(StoreError, match=r"model\.safetensors is missing; put it back"):
        store.verify(ref)


def test_verify_reads_a_remote_artifact_where_it_lies(tmp_path: Path) -> None:
    store = Store("memory://verified/store")
    ref = store.publish(model(tmp_path / "m"), "model")
    store.open(ref)
    store.verify(ref)
    store._tree.pipe_file(f"{ref.uri}/config.json", b"[]")
    with pytest.raises(
        StoreError, match=r"config\.json is damaged; put it back from a copy, or delete .*\.json and run"
    ):
        store.verify(ref)


def test_a_damaged_copy_of_a_remote_artifact_is_fetched_again(tmp_path: Path) -> None:
    store = Store("memory://copied/store")
    ref = store.publish(model(tmp_path / "m"), "model")
    (store.open(ref) / "config.json").write_bytes(b"[]")
    assert (store.open(ref) / "config.json").read_bytes() == b"{}"
    assert store.whole(ref), "what others use is not dropped for our copy"


@pytest.mark.parametrize("use", [Store.open, Store.verify, Store.manifest, Store.whole], ids=lambda use: use.__name__)
def test_nothing_outside_the_store_is_touched_whatever_a_reference_names(
    store: Store, tmp_path: Path, use: Callable[[Store, ModelRef], object]
) -> None:
    outside = model(tmp_path / "mine" / "folder")
    (tmp_path / "mine" / "folder.json").write_text(contents(outside).to_json())
    ref = ModelRef(uri=str(outside), digest=contents(outside).digest)
    (outside / "config.json").write_bytes(b"damaged")
    before = {path: path.read_bytes() for path in (tmp_path / "mine").rglob("*.json")}
    try:
        assert not use(store, ref)
    except StoreError as error:
        assert "is not in the store" in str(error) and str(outside) in str(error)
    assert {path: path.read_bytes() for path in (tmp_path / "mine").rglob("*.json")} == before


@pytest.mark.parametrize(("kind", "digest"), [("../../mine", "sha256:" + "0" * 64), ("model", "sha256:../../../mine")])
def test_a_reference_cannot_climb_out_of_the_store(store: Store, kind: str, digest: str) -> None:
    with pytest.raises(StoreError, match="malformed"):
        store.open(ModelRef(kind=kind, uri="store/model/x", digest=digest))


def test_a_manifest_cannot_name_files_outside_its_folder(tmp_path: Path) -> None:
    store, held = Store("memory://climbing/store"), Contents((Entry("../../../mine", 2, "0" * 64),))
    ref = ModelRef(uri="", digest=held.digest)
    store._tree.pipe_file(f"/climbing/store/model/{ref.digest.removeprefix('sha256:')}.json", held.to_json().encode())
    with pytest.raises(StoreError, match="is damaged: it is not the manifest"):
        store.open(ref)


def test_a_store_that_moved_holds_what_it_held(store: Store, tmp_path: Path) -> None:
    ref = store.publish(model(tmp_path / "m"), "model")
    Path(store.url).rename(tmp_path / "moved")
    moved = Store(tmp_path / "moved")
    assert moved.whole(ref)
    assert (moved.open(ref) / "config.json").read_bytes() == b"{}"


def test_an_unknown_kind_of_store_is_one_line() -> None:
    with pytest.raises(StoreError, match=r"runtime\.store"):
        Store("nothing-like-it://x")


FULL = """
import resource, signal, sys
from pathlib import Path
from temper.errors import StoreError
from tests.unit.champion_case import flip_a_bit
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
