"""The dealer's business rules: what a prompt says of each, and the check that decides. Order is precedence."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from temper.domains.base import Call, Rule

if TYPE_CHECKING:
    from temper.domains.automotive.world import World

_BOOKINGS = ("book_test_drive", "book_service")
_SALES = ("book_test_drive", "reserve_vehicle", "quote_finance", "apply_discount")

RULES = {
    rule.name: rule
    for rule in (
        Rule("closed_sunday", "day not sunday", _BOOKINGS),
        Rule("too_late", "time up to 17:00", _BOOKINGS),
        Rule("vehicle_sold", "vehicle not sold", _SALES),
        Rule("licence_needed", "licence yes", ("book_test_drive",)),
        Rule("one_reservation", "reserved none", ("reserve_vehicle",)),
        Rule("confirm_first", "confirmed yes", ("reserve_vehicle", "cancel_booking")),
        Rule("term_limit", "months up to 60", ("quote_finance",)),
        Rule("deposit_minimum", "deposit from 1000", ("quote_finance",)),
        Rule("trade_in_year", "year from 2012", ("value_trade_in",)),
        Rule("trade_in_km", "km up to 200000", ("value_trade_in",)),
        Rule("discount_limit", "percent up to 5", ("apply_discount",)),
        Rule("saturday_jobs", "day saturday: only oil change, tyre change", ("book_service",)),
        Rule("own_booking", "booking in bookings", ("cancel_booking",)),
    )
}


def _sold(world: World, arguments: Mapping[str, Any]) -> bool:
    vehicle = world.vehicles.get(str(arguments.get("vehicle")))
    return vehicle is not None and vehicle.sold


_CHECKS: dict[str, Callable[[World, Mapping[str, Any]], bool]] = {
    "closed_sunday": lambda world, call: call["day"] == "sunday",
    "too_late": lambda world, call: call["time"] > "17:00",
    "vehicle_sold": _sold,
    "licence_needed": lambda world, call: not world.licence,
    "one_reservation": lambda world, call: world.reserved is not None,
    "confirm_first": lambda world, call: call["confirmed"] != "yes",
    "term_limit": lambda world, call: call["months"] > 60,
    "deposit_minimum": lambda world, call: call["deposit"] < 1000,
    "trade_in_year": lambda world, call: call["year"] < 2012,
    "trade_in_km": lambda world, call: call["km"] > 200000,
    "discount_limit": lambda world, call: call["percent"] > 5,
    "saturday_jobs": lambda world, call: (
        call["day"] == "saturday" and call["service"] not in ("oil change", "tyre change")
    ),
    "own_booking": lambda world, call: call["booking"] not in world.bookings,
}


def review(world: World, calls: Sequence[Call]) -> list[tuple[str, bool]]:
    """Every rule about the tools of these validated calls, in order, and whether it holds in this world."""
    return [
        (name, not any(tool in rule.tools and _CHECKS[name](world, given) for tool, given in calls))
        for name, rule in RULES.items()
        if any(tool in rule.tools for tool, _ in calls)
    ]
