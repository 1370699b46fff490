"""What a customer's words spell out, field by field: what M need not ask for."""

import re

from temper.domains import mentions
from temper.domains.automotive.catalogue import BODIES, DAYS, DEPARTMENTS, SERVICES

FORMS: dict[str, mentions.Form] = {
    "vehicle": r"V\d+",
    "booking": r"B\d+",
    "plate": r"[A-Z]{2}\d{3}",
    "time": r"\d\d:\d\d",
    "body": BODIES,
    "day": DAYS,
    "service": SERVICES,
    "department": tuple(DEPARTMENTS),
    "confirmed": ("yes",),
}
"""The form of a number does not say whether it is `km` or `deposit`, and a traded-in car may be of any model."""
IT = re.compile(r"\b(it|(this|that) (car|one)|the car)\b(?! possible)", re.IGNORECASE)
"""The car that was talked about; `Is it possible` means none."""
SENTENCE = re.compile(r"(?<=[.!?])\s+")


def mentioned(field: str, utterance: str, focus: str | None) -> list[str]:
    """See `Domain.mentioned`. `it` counts in the last sentence: what comes before may be small talk."""
    values = mentions.mentions(FORMS, field, utterance)
    if field == "vehicle" and focus and not values and IT.search(SENTENCE.split(utterance.strip())[-1]):
        return [focus]
    return values
