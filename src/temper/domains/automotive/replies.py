"""What a good employee of the dealer would say: replies to outcomes, and refusals with their reason."""

from collections.abc import Callable, Sequence

from temper.domains.base import Outcome

Facts = Sequence[str]

REFUSALS: dict[str, tuple[str, tuple[str, ...]]] = {
    "closed_sunday": ("Sorry, we are closed on sunday.", ("sunday",)),
    "too_late": ("Sorry, the last time is 17:00.", ("17:00",)),
    "vehicle_sold": ("Sorry, this vehicle is sold.", ("sold",)),
    "licence_needed": ("Sorry, a test drive needs a licence.", ("licence",)),
    "one_reservation": ("Sorry, you have one reservation already.", ("one reservation",)),
    "confirm_first": ("Please confirm this first.", ("confirm",)),
    "term_limit": ("Sorry, we finance over 60 months at most.", ("60",)),
    "deposit_minimum": ("Sorry, the deposit starts from 2000.", ("2000",)),
    "trade_in_year": ("Sorry, we take trade-ins from year 2010.", ("2010",)),
    "trade_in_km": ("Sorry, we take trade-ins up to 100000 km.", ("100000",)),
    "discount_limit": ("Sorry, we give at most 5 percent.", ("5 percent",)),
    "saturday_jobs": ("Sorry, on saturday we do only oil change and tyre change.", ("saturday",)),
    "own_booking": ("Sorry, you can cancel only own bookings.", ("own bookings",)),
}
"""By rule: the reply, and the words that it has to hold."""


def _found(facts: Facts) -> str:
    cars = [f"{facts[i]} {facts[i + 1]} for {facts[i + 2]}" for i in range(0, len(facts), 3)]
    return f"I found {' and '.join(cars)}."


REPLIES: dict[str, Callable[[Facts], str]] = {
    "find_vehicles": _found,
    "vehicle_details": lambda f: f"{f[0]} is a {f[2]} {f[3]} {f[1]} from {f[4]} for {f[5]}.",
    "check_slots": lambda f: f"{f[0]} is free on {f[1]} at {', '.join(f[2:])}.",
    "book_test_drive": lambda f: f"Your test drive of {f[1]} on {f[2]} at {f[3]} is booked: {f[0]}.",
    "reserve_vehicle": lambda f: f"{f[0]} is reserved for you.",
    "quote_finance": lambda f: f"{f[0]} over {f[1]} months is {f[2]} a month.",
    "value_trade_in": lambda f: f"For your {f[0]} from {f[1]} we offer {f[2]}.",
    "apply_discount": lambda f: f"With {f[1]} percent off, {f[0]} is now {f[2]}.",
    "service_price": lambda f: f"The {f[0]} is {f[1]} euros.",
    "book_service": lambda f: f"Your {f[1]} on {f[2]} at {f[3]} is booked: {f[0]}.",
    "service_status": lambda f: f"Your car {f[0]} is {f[1]}.",
    "cancel_booking": lambda f: f"Booking {f[0]} is cancelled.",
    "opening_hours": lambda f: f"The {f[0]} department is open from {f[1]} to {f[2]}.",
    "hand_over": lambda f: f"Somebody from {f[1]} will call you, ticket {f[0]}.",
}


def reply(outcomes: Sequence[Outcome], names: Sequence[str]) -> str:
    """One sentence on the last outcome, which is what the customer asked for."""
    outcome, name = outcomes[-1], names[-1]
    if outcome.text.endswith("not found"):
        return f"Sorry, I could not find {outcome.facts[0]}."
    if outcome.text.endswith("taken"):
        return f"Sorry, {outcome.facts[0]} at {outcome.facts[1]} is taken."
    if outcome.text.startswith("no "):
        return f"Sorry, there is no {outcome.facts[0]} up to {outcome.facts[1]}."
    return REPLIES[name](outcome.facts)
