"""base: the model to start from, as a plain checkpoint (safetensors, config, tokenizer, chat template).

In: nothing.   Out: `model`.
"""

import shutil
from fnmatch import fnmatch
from pathlib import Path

from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError
from transformers import AutoTokenizer

from temper.assets import model_file
from temper.config.stages import BaseSettings
from temper.errors import MissingModelError
from temper.process.specs import BaseSpec
from temper.process.stage import Report, Stage, run
from temper.stages.checkpoints.checked import checked
from temper.stages.checkpoints.gguf import load_gguf
from temper.stages.checkpoints.tiny import tiny_model
from temper.stages.training import common as training
from temper.stages.training.control import control_tokens, guarded

FILES = (
    "*.safetensors",
    "*.safetensors.index.json",
    "*config.json",
    "tokenizer*",
    "special_tokens_map.json",
    "*.jinja",
)
"""What a checkpoint may bring: no pickles, no code."""

ONE_DAY = "{%- macro strftime_now(format) -%}26 Jul 2024{%- endmacro -%}"
"""Before a template that asks the clock: what is trained today is served tomorrow, and has to read the same prompt. The
day is the one that Llama's templates fall back to.
"""


def main(stage: Stage[BaseSpec]) -> Report:
    """Fetch or convert, then check that the folder can be trained and served."""
    settings = stage.spec.base
    folder = stage.out("model")
    if settings.source == "asset":
        training.save(*load_gguf(model_file(settings.name)), folder)
    elif settings.source == "tiny":
        training.save(*tiny_model(), folder)
    elif settings.source == "folder":
        _copy(Path(settings.name), folder)
    else:
        _download(settings, folder)
    figures = checked(folder, settings.name)
    _without_a_clock(folder)
    _guard(folder)
    return Report(figures, {"model": "model"})


def _copy(source: Path, folder: Path) -> None:
    if not (source / "config.json").is_file():
        raise MissingModelError(
            f"no checkpoint in {source}: base.name must be a folder with config.json and safetensors"
        )
    for path in source.iterdir():
        if path.is_file() and any(fnmatch(path.name, pattern) for pattern in FILES):
            shutil.copyfile(path, folder / path.name)


def _download(settings: BaseSettings, folder: Path) -> None:
    try:
        snapshot_download(settings.name, revision=settings.revision, allow_patterns=list(FILES), local_dir=folder)
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        said = str(error).splitlines()[0]
        raise MissingModelError(
            f"{settings.name}@{settings.revision} was not downloaded: {said}; check name and network"
        ) from error
    shutil.rmtree(folder / ".cache", ignore_errors=True)  # the download's own bookkeeping


def _without_a_clock(folder: Path) -> None:
    """A template that asks the clock gets one day before it; others stay as they are."""
    tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    template = tokenizer.chat_template
    if isinstance(template, str) and "strftime_now" in template:
        tokenizer.chat_template = ONE_DAY + template
        tokenizer.save_pretrained(folder)


def _guard(folder: Path) -> None:
    """Texts that spell a control token open no turn, whoever renders the template."""
    tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    template = tokenizer.chat_template
    written = template["default"] if isinstance(template, dict) else template
    path = folder / "chat_template.jinja"
    path.write_text(guarded(written, control_tokens(tokenizer)), encoding="utf-8")


if __name__ == "__main__":
    run(main)
