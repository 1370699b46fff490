"""The travel agency's rules: what a prompt says of each, and the check that decides. Order is precedence."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from temper.domains.base import Call, Checked, Rule

if TYPE_CHECKING:
    from temper.domains.travel.world import World

RULES = {
    rule.name: rule
    for rule in (
        Rule("flights_first", "flights cached", ("filter_flights",)),
        Rule("hotels_first", "hotels cached", ("filter_hotels",)),
        Rule("flight_full", "flight not full", ("book_flight",)),
        Rule("nights_limit", "nights up to 14", ("book_hotel",)),
        Rule("closed_monday", "day not monday", ("book_table",)),
        Rule("party_limit", "people up to 8", ("book_table",)),
        Rule("confirm_first", "confirmed yes", ("book_flight", "cancel_trip")),
        Rule("own_trip", "booking own", ("cancel_trip",)),
    )
}

Check = tuple[Callable[["World", Mapping[str, Any]], Any], Callable[[Any], bool]]
"""What a rule looks at in a call and the world, and whether that is allowed."""

CHECKS: dict[str, Check] = {
    "flights_first": (lambda world, call: world.kept("flights"), lambda kept: kept == "cached"),
    "hotels_first": (lambda world, call: world.kept("hotels"), lambda kept: kept == "cached"),
    "flight_full": (lambda world, call: world.seats(call["flight"]), lambda seats: seats != "full"),
    "nights_limit": (lambda world, call: call["nights"], lambda nights: nights <= 14),
    "closed_monday": (lambda world, call: call["day"], lambda day: day != "monday"),
    "party_limit": (lambda world, call: call["people"], lambda people: people <= 8),
    "confirm_first": (lambda world, call: call["confirmed"], lambda confirmed: confirmed == "yes"),
    "own_trip": (lambda world, call: world.owner(call["booking"]), lambda owner: owner == "own"),
}


def review(world: World, calls: Sequence[Call]) -> list[Checked]:
    """Every rule about the tools of these validated calls, in order: what it looked at, and whether it holds."""
    checked = []
    for name, rule in RULES.items():
        look, allowed = CHECKS[name]
        seen = [look(world, given) for tool, given in calls if tool in rule.tools]
        if seen:
            wrong = [value for value in seen if not allowed(value)]
            checked.append(Checked(name, str((wrong or seen)[0]), not wrong))
    return checked
