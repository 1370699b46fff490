"""Personal data in other people's logs: recognised by form and checksum, reported by kind, redacted on request.

E-mail addresses, telephone numbers (international, or national of a given region), IBANs, payment cards, IP addresses
and access keys of the usual forms. Names and postal addresses have no form that could be checked: they stay.
"""

import ipaddress
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping

import phonenumbers
from stdnum import iban, luhn

from temper.secrets import FORMED

_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b")
_CARD = re.compile(r"(?<!\d)\d(?:[ -]?\d){12,18}(?!\d)")
_IP = re.compile(r"(?<![\w.:])(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){3,7})(?![\w:]|\.\d)")

NOT_LOOKED_FOR = ("names", "postal addresses")
"""What people may find in their logs and this module does not."""

Span = tuple[int, int, str]
"""Start, end and kind of a finding."""


def spans(text: str, region: str | None = None) -> list[Span]:
    """Findings in the order of the text, none inside another. `region` (DE, US) admits national telephone numbers."""
    apart: list[Span] = []
    for span in _matches(text, region):
        if all(span[1] <= start or end <= span[0] for start, end, _ in apart):
            apart.append(span)
    return sorted(apart)


def _matches(text: str, region: str | None) -> Iterator[Span]:
    """What has the form of personal data, kind by kind; one finding may lie inside another."""
    yield from ((*match.span(), "key") for match in FORMED.finditer(text))
    yield from ((*match.span(), "email") for match in _EMAIL.finditer(text))
    yield from ((*match.span(), "iban") for match in _IBAN.finditer(text) if iban.is_valid(match[0]))
    yield from (
        (*match.span(), "card") for match in _CARD.finditer(text) if luhn.is_valid(re.sub("[ -]", "", match[0]))
    )
    yield from ((*match.span(), "ip") for match in _IP.finditer(text) if _is_ip(match[0]))
    yield from ((match.start, match.end, "phone") for match in phonenumbers.PhoneNumberMatcher(text, region))


def _is_ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def redacted(text: str, region: str | None = None) -> str:
    """The text with `[email]`, `[phone]` ... in place of each finding."""
    for start, end, kind in reversed(spans(text, region)):
        text = f"{text[:start]}[{kind}]{text[end:]}"
    return text


def count(value: object, region: str | None = None) -> Counter[str]:
    """How many of each kind stand in the texts of a row."""
    kinds: Counter[str] = Counter()

    def look(text: str) -> str:
        kinds.update(kind for _, _, kind in spans(text, region))
        return text

    _mapped(value, look)
    return kinds


def redacted_row(row: Mapping[str, object], region: str | None = None) -> dict[str, object]:
    """A row with every text in it redacted."""
    return {name: _mapped(item, lambda text: redacted(text, region)) for name, item in row.items()}


def _mapped(value: object, change: Callable[[str], str]) -> object:
    """A value with every text in it changed, however deep; keys stay."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {key: _mapped(item, change) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_mapped(item, change) for item in value]
    return value
