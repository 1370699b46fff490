"""The travel agency's rules: what a prompt says of each, and the check that decides. Order is precedence."""

from temper.domains.base import Check, Rule

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
