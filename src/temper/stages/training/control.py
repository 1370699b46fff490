"""Texts that spell a control token stay texts: `<|im_start|>` in what a customer writes opens no turn.

Tokenizers turn such a text into the control token itself. So it is broken by a space, `< |im_start|>`, wherever a text
goes into a prompt or an answer. For prompts the checkpoint's own chat template does it: training, the engine and every
client of the engine render through that one template, and all see the same tokens.
"""

from collections.abc import Sequence
from functools import lru_cache

from transformers import PreTrainedTokenizerBase


@lru_cache(maxsize=4)
def control_tokens(tokenizer: PreTrainedTokenizerBase) -> tuple[str, ...]:
    """What the tokenizer takes for control tokens, longest first; one character cannot be broken and is no marker."""
    added = tokenizer.added_tokens_decoder.values()
    texts = {token.content for token in added if token.special} | set(tokenizer.all_special_tokens)
    return tuple(sorted((text for text in texts if len(text) > 1), key=lambda text: (-len(text), text)))


def broken(token: str) -> str:
    """A control token as the text that stands for it."""
    return f"{token[0]} {token[1:]}"


def as_text(text: str, tokens: Sequence[str]) -> str:
    """The text without control tokens; a second time changes nothing."""
    for token in tokens:
        text = text.replace(token, broken(token))
    return text


def guarded(template: str, tokens: Sequence[str]) -> str:
    """The chat template with `as_text` over every message's content before anything is written."""
    replaced = "".join(f" | replace({_quoted(token)}, {_quoted(broken(token))})" for token in tokens)
    guard = (
        "{%- set guarded = namespace(messages=[]) -%}{%- for message in messages -%}"
        "{%- if message.content is string -%}"
        f"{{%- set text = message.content{replaced} -%}}"
        "{%- set guarded.messages = guarded.messages + [dict(message, content=text)] -%}"
        "{%- else -%}{%- set guarded.messages = guarded.messages + [message] -%}{%- endif -%}"
        "{%- endfor -%}{%- set messages = guarded.messages -%}\n"
    )
    return template if template.startswith(guard) else guard + template


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
