"""Whether a checkpoint can be trained and served: whole weights, a known type, a tokenizer, a template that ends."""

import json
import multiprocessing
import resource
from multiprocessing.connection import Connection
from pathlib import Path

from safetensors import SafetensorError, safe_open
from transformers import AutoConfig, AutoTokenizer, PreTrainedTokenizerBase
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING

from temper.errors import MissingModelError

RENDER_CPU_S, RENDER_WALL_S = 10, 120
RENDER_BYTES = 1 << 30
"""Memory that rendering a short conversation may take beside what the process has."""
CONVERSATION = [
    {"role": "system", "content": "You answer briefly."},
    {"role": "user", "content": "Good day?"},
    {"role": "assistant", "content": "Good day."},
    {"role": "user", "content": "And now?"},
]
"""What every agent's prompt is made of."""


def checked(folder: Path, name: str) -> dict[str, float]:
    """Figures of the checkpoint in `folder`, called `name` by the user. Raises MissingModelError with what it lacks."""
    weights = sorted(folder.glob("*.safetensors"))
    if not weights:
        raise MissingModelError(
            f"{name} has no safetensors weights: convert it first, other formats can run code when read"
        )
    for path in weights:
        _whole(path, name)
    _complete(folder, {path.name for path in weights}, name)
    _known(folder, name)
    tokenizer = _tokenizer(folder, name)
    if not tokenizer.chat_template:
        raise MissingModelError(
            f"{name} has no chat template: start from an instruct model, or add chat_template.jinja"
        )
    _renders(tokenizer, name)
    return {"vocabulary": float(len(tokenizer)), "weights_bytes": float(sum(path.stat().st_size for path in weights))}


def _whole(path: Path, name: str) -> None:
    try:
        with safe_open(path, framework="pt"):  # compares the header with the file's length
            pass
    except (SafetensorError, OSError) as error:
        raise MissingModelError(f"{name}: {path.name} is cut or damaged ({_line(error)}): copy it again") from error


def _complete(folder: Path, there: set[str], name: str) -> None:
    """Whether every file that an index names is there."""
    for index in folder.glob("*.safetensors.index.json"):
        try:
            named = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
        except (ValueError, KeyError, AttributeError, TypeError) as error:
            raise MissingModelError(f"{name}: {index.name} is damaged ({_line(error)}): copy it again") from error
        if missing := sorted(named - there):
            raise MissingModelError(f"{name} lacks {missing[0]}, which {index.name} names: copy it too")


def _known(folder: Path, name: str) -> None:
    try:
        config = AutoConfig.from_pretrained(folder, trust_remote_code=False)
    except (ValueError, OSError, KeyError, TypeError) as error:
        raise MissingModelError(
            f"{name}: config.json is of no model that transformers knows ({_line(error)}): choose another base"
        ) from error
    if type(config) not in MODEL_FOR_CAUSAL_LM_MAPPING:
        raise MissingModelError(
            f"{name}: a {config.model_type} model writes no text: choose a causal language model as base"
        )


def _tokenizer(folder: Path, name: str) -> PreTrainedTokenizerBase:
    if not any((folder / file).is_file() for file in ("tokenizer.json", "tokenizer.model", "vocab.json")):
        raise MissingModelError(f"{name} has no tokenizer: add its tokenizer.json and tokenizer_config.json")
    try:
        tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    except Exception as error:  # the tokenizers library raises bare Exception
        raise MissingModelError(
            f"{name} has no tokenizer that can be read ({_line(error)}): copy its tokenizer files again"
        ) from error
    return tokenizer


def _renders(tokenizer: PreTrainedTokenizerBase, name: str) -> None:
    """Render a conversation in a process of its own: a template is a program and may loop for ever or fill memory."""
    ours, theirs = multiprocessing.Pipe(duplex=False)
    child = multiprocessing.get_context("fork").Process(target=_render, args=(tokenizer, theirs), daemon=True)
    child.start()
    theirs.close()
    child.join(RENDER_WALL_S)
    child.kill()
    child.join()
    try:
        said = str(ours.recv()) if ours.poll() else "it did not end"
    except EOFError:
        said = f"it did not end within {RENDER_CPU_S} s"
    if said:
        raise MissingModelError(
            f"{name}: its chat template does not render a conversation with a system message ({said}):"
            " mend chat_template.jinja"
        )


def _render(tokenizer: PreTrainedTokenizerBase, answer: Connection) -> None:
    """In the child: an empty word when all is well, else what went wrong."""
    resource.setrlimit(resource.RLIMIT_CPU, (RENDER_CPU_S, RENDER_CPU_S))
    if (memory := Path("/proc/self/statm")).exists():
        size = int(memory.read_text().split()[0]) * resource.getpagesize() + RENDER_BYTES
        resource.setrlimit(resource.RLIMIT_AS, (size, size))
    try:
        tokenizer.apply_chat_template(CONVERSATION, tokenize=False, add_generation_prompt=True)
        answer.send("")
    except BaseException as error:  # whatever a template raises is its author's doing
        answer.send(_line(error))


def _line(error: BaseException) -> str:
    """An error of a library in one short line."""
    return " ".join(str(error).split())[:160] or type(error).__name__
