"""Settings: frozen, complete, and wrong ones named in one line."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from temper.config import load_preset, override, resolve
from temper.errors import ConfigError


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("sft.epoch=2", r"sft\.epoch: unknown key; did you mean 'epochs'\?"),
        ("stf.epochs=2", r"stf: unknown key"),
        ("sft.epochs=minus", r"sft\.epochs: .*number"),
        ("sft.epochs=-1", r"sft\.epochs: .*greater than 0"),
        ("sft.epochs", r"not of the form dotted\.key=value"),
        ("name.x=1", r"'name' holds a value"),
        ("base.source=hub", r"40 hex digits"),
        ("gate.rules=[{metric: m, kind: least}]", r"least needs `value`"),
        ("sft.epochs=[", r"not a YAML value"),
        ("fp8.samples=99", r"^smoke\.yaml: fp8\.samples=99 leaves none"),
    ],
)
def test_a_wrong_override_is_one_line_that_names_the_key(change: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as error:
        resolve("smoke", [change])
    assert "\n" not in str(error.value)


def test_an_override_changes_its_key_alone() -> None:
    before, after = load_preset("smoke"), resolve("smoke", ["sft.epochs=3", "engine.flags=[--x]"])
    assert after.sft.epochs == 3
    assert after.engine.flags == ("--x",)
    assert after.model_copy(update={"sft": before.sft, "engine": before.engine}) == before


def test_an_override_of_a_config_is_validated_too() -> None:
    with pytest.raises(ConfigError, match=r"dpo\.beta"):
        override(load_preset("smoke"), ["dpo.beta=0"])


def test_a_config_is_frozen() -> None:
    with pytest.raises(ValidationError):
        load_preset("smoke").sft.epochs = 2  # type: ignore[misc]


def test_an_unknown_preset_names_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"no preset named 'smok': choose one of .*smoke"):
        load_preset("smok")


@pytest.mark.parametrize(("text", "said"), [("a: [", "not valid YAML"), ("just words", "holds no settings")])
def test_a_broken_file_is_one_line(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "broken.yaml").write_text(text)
    with pytest.raises(ConfigError, match=said) as error:
        load_preset(str(tmp_path / "broken.yaml"))
    assert "\n" not in str(error.value)


def test_a_file_may_say_only_what_differs_from_a_preset(tmp_path: Path) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text("extends: smoke\nname: mine\nsft: {epochs: 3}\nbenchmark: {concurrency: [1, 7]}\n")
    config, smoke = load_preset(str(mine)), load_preset("smoke")
    assert config.sft == smoke.sft.model_copy(update={"epochs": 3})
    assert config.benchmark.concurrency == (1, 7)
    assert config.dpo == smoke.dpo


@pytest.mark.parametrize(("parent", "said"), [("nobody", "which is no preset"), (None, "in a circle")])
def test_what_cannot_be_extended_is_one_line(tmp_path: Path, parent: str | None, said: str) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text(f"extends: {parent or mine}\n")
    with pytest.raises(ConfigError, match=said) as error:
        load_preset(str(mine))
    assert "\n" not in str(error.value)
