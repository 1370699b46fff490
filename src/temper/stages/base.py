"""base: the model to start from, as a plain checkpoint (safetensors, config, tokenizer, chat template).

In: nothing.   Out: `model`.
"""

import shutil
from fnmatch import fnmatch
from pathlib import Path

from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

from temper.assets import model_file
from temper.config.stages import BaseSettings
from temper.errors import MissingModelError
from temper.process.specs import BaseSpec
from temper.process.stage import Report, Stage, run
from temper.stages.checkpoints.checked import checked
from temper.stages.checkpoints.gguf import load_gguf
from temper.stages.checkpoints.tiny import tiny_model
from temper.stages.training import common as training

FILES = (
    "*.safetensors",
    "*.safetensors.index.json",
    "*config.json",
    "tokenizer*",
    "special_tokens_map.json",
    "*.jinja",
)
"""What a checkpoint may bring: no pickles, no code."""


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
    return Report(checked(folder, settings.name), {"model": "model"})


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


if __name__ == "__main__":
    run(main)
