"""What the dealer's customers want, and the right calls for each want."""

from temper.domains.base import Call, Intent, Understanding

INTENTS = {
    intent.name: intent
    for intent in (
        Intent("find_vehicles", "sales", ("body", "max_price"), ("find_vehicles",)),
        Intent("vehicle_details", "sales", ("vehicle",), ("vehicle_details",)),
        Intent("check_slots", "sales", ("vehicle", "day"), ("check_slots",)),
        Intent("book_test_drive", "sales", ("vehicle", "day", "time"), ("book_test_drive",)),
        Intent("reserve_vehicle", "sales", ("vehicle", "confirmed"), ("reserve_vehicle",)),
        Intent("cheapest_vehicle", "sales", ("body", "max_price"), ("find_vehicles", "vehicle_details"), rare=True),
        Intent("quote_finance", "finance", ("vehicle", "months", "deposit"), ("quote_finance",)),
        Intent("value_trade_in", "finance", ("model", "year", "km"), ("value_trade_in",)),
        Intent("apply_discount", "finance", ("vehicle", "percent"), ("apply_discount",)),
        Intent("service_price", "service", ("service",), ("service_price",)),
        Intent("book_service", "service", ("service", "day", "time"), ("service_price", "book_service")),
        Intent("service_status", "service", ("plate",), ("service_status",)),
        Intent("cancel_booking", "service", ("booking", "confirmed"), ("cancel_booking",)),
        Intent("opening_hours", "service", ("department",), ("opening_hours",)),
        Intent("hand_over", "service", ("department",), ("hand_over",), rare=True),
    )
}


def plan(understanding: Understanding) -> list[Call]:
    """One call for each tool of the intent; an argument `$a` means the result of the plan's first call."""
    entities = understanding.entities
    if understanding.intent == "cheapest_vehicle":
        return [("find_vehicles", dict(entities)), ("vehicle_details", {"vehicle": "$a"})]
    if understanding.intent == "book_service":
        return [("service_price", {"service": entities["service"]}), ("book_service", dict(entities))]
    return [(INTENTS[understanding.intent].tools[0], dict(entities))]
