"""The dealer's business rules: what a prompt says of each, and the check that decides. Order is precedence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from temper.domains.automotive.catalogue import SMALL_JOBS
from temper.domains.base import Check, Rule
from temper.rows import Value

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
        Rule("deposit_minimum", "deposit from 2000", ("quote_finance",)),
        Rule("trade_in_year", "year from 2010", ("value_trade_in",)),
        Rule("trade_in_km", "km up to 100000", ("value_trade_in",)),
        Rule("discount_limit", "percent up to 5", ("apply_discount",)),
        Rule("saturday_jobs", "day saturday: only oil change, tyre change", ("book_service",)),
        Rule("own_booking", "booking own", ("cancel_booking",)),
    )
}


def _status(world: World, arguments: Mapping[str, Value]) -> str:
    vehicle = world.vehicles.get(str(arguments["vehicle"]))
    return "unknown" if vehicle is None else "sold" if vehicle.sold else "available"


CHECKS: dict[str, Check] = {
    "closed_sunday": (lambda world, call: call["day"], lambda day: day != "sunday"),
    "too_late": (lambda world, call: call["time"], lambda time: time <= "17:00"),
    "vehicle_sold": (_status, lambda status: status != "sold"),
    "licence_needed": (lambda world, call: "yes" if world.licence else "no", lambda licence: licence == "yes"),
    "one_reservation": (lambda world, call: world.reserved or "none", lambda reserved: reserved == "none"),
    "confirm_first": (lambda world, call: call["confirmed"], lambda confirmed: confirmed == "yes"),
    "term_limit": (lambda world, call: call["months"], lambda months: months <= 60),
    "deposit_minimum": (lambda world, call: call["deposit"], lambda deposit: deposit >= 2000),
    "trade_in_year": (lambda world, call: call["year"], lambda year: year >= 2010),
    "trade_in_km": (lambda world, call: call["km"], lambda km: km <= 100000),
    "discount_limit": (lambda world, call: call["percent"], lambda percent: percent <= 5),
    "saturday_jobs": (
        lambda world, call: f"{call['day']} {call['service']}",
        lambda job: not job.startswith("saturday") or job.removeprefix("saturday ") in SMALL_JOBS,
    ),
    "own_booking": (
        lambda world, call: "own" if call["booking"] in world.bookings else "other",
        lambda whose: whose == "own",
    ),
}
