"""What words spell out, read without a model: identifiers by their form, names from a list."""

import re
from collections.abc import Iterable, Mapping

Form = str | Iterable[str]
"""A regular expression for identifiers, such as `V\\d+`, or all names that a field can have."""


def whole_words(text: str) -> re.Pattern[str]:
    """Matches the text where it is no part of longer words, letters' case aside."""
    return _whole(re.escape(text))


def mentions(forms: Mapping[str, Form], field: str, words: str) -> list[str]:
    """The field's different values in these words, as its form or its list spells them; none for a field of no form."""
    form = forms.get(field, ())
    if isinstance(form, str):
        return list(dict.fromkeys(value.upper() for value in _whole(form).findall(words)))
    return [name for name in form if whole_words(name).search(words)]


def _whole(pattern: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w){pattern}(?!\w)", re.IGNORECASE)
