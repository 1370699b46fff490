"""What a good travel agent would say: replies to outcomes, and refusals with their reason."""

from collections.abc import Callable, Sequence

from temper.domains.base import Outcome

Facts = Sequence[str]

REFUSALS: dict[str, tuple[str, tuple[str, ...]]] = {
    "flights_first": ("Please search for flights first.", ("flights first",)),
    "hotels_first": ("Please search for hotels first.", ("hotels first",)),
    "flight_full": ("Sorry, this flight is full.", ("full",)),
    "nights_limit": ("Sorry, we book 14 nights at most.", ("14",)),
    "closed_monday": ("Sorry, restaurants are closed on monday.", ("monday",)),
    "party_limit": ("Sorry, a table is for 8 people at most.", ("8",)),
    "confirm_first": ("Please confirm this first.", ("confirm",)),
    "own_trip": ("Sorry, you can cancel only own bookings.", ("own bookings",)),
}
"""By rule: the reply, and the words that it has to hold."""


def _listed(facts: Facts, size: int) -> str:
    parts = [facts[start : start + size] for start in range(0, len(facts), size)]
    with_price = [f"{' '.join(part[:-1])} for {part[-1]}" for part in parts]
    return f"I found {' and '.join(with_price)}."


def _named(facts: Facts) -> str:
    return f"I found {' and '.join(f'{facts[i]} {facts[i + 1]}' for i in range(0, len(facts), 2))}."


REPLIES: dict[str, Callable[[Facts], str]] = {
    "search_flights": lambda f: _listed(f, 2),
    "filter_flights": lambda f: _listed(f, 2),
    "book_flight": lambda f: f"Flight {f[1]} is booked: {f[0]}.",
    "search_hotels": lambda f: _listed(f, 3),
    "filter_hotels": lambda f: _listed(f, 3),
    "hotel_details": lambda f: f"{f[0]} is the {f[1]} in {f[2]} with {f[3]} stars for {f[4]} a night.",
    "book_hotel": lambda f: f"{f[1]} is booked for {f[2]} nights at {f[3]}: {f[0]}.",
    "search_restaurants": _named,
    "book_table": lambda f: f"A table at {f[1]} on {f[2]} for {f[3]} is booked: {f[0]}.",
    "search_attractions": _named,
    "cancel_trip": lambda f: f"Booking {f[0]} is cancelled.",
}


def reply(outcomes: Sequence[Outcome], names: Sequence[str]) -> str:
    """One sentence on the last outcome, which is what the traveller asked for."""
    outcome, name = outcomes[-1], names[-1]
    if outcome.text.endswith("not found"):
        return f"Sorry, I could not find {outcome.facts[0]}."
    if outcome.text == "none found":
        return "Sorry, there is none."
    return REPLIES[name](outcome.facts)
