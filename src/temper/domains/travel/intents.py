"""What travellers want, and the plan for each."""

from temper.domains.base import Call, Intent, Understanding

INTENTS = {
    intent.name: intent
    for intent in (
        Intent("search_flights", "flights", ("origin", "destination", "day"), ("search_flights",)),
        Intent("filter_flights", "flights", ("max_price",), ("filter_flights",)),
        Intent("book_flight", "flights", ("flight", "confirmed"), ("book_flight",)),
        Intent("cancel_trip", "flights", ("booking", "confirmed"), ("cancel_trip",)),
        Intent("search_hotels", "hotels", ("city", "stars"), ("search_hotels",)),
        Intent("filter_hotels", "hotels", ("max_price",), ("filter_hotels",)),
        Intent("book_hotel", "hotels", ("hotel", "nights"), ("book_hotel",)),
        Intent("cheapest_hotel", "hotels", ("city", "stars"), ("search_hotels", "hotel_details"), rare=True),
        Intent("search_restaurants", "leisure", ("city", "cuisine"), ("search_restaurants",)),
        Intent("book_table", "leisure", ("restaurant", "day", "people"), ("book_table",)),
        Intent("search_attractions", "leisure", ("city", "kind"), ("search_attractions",)),
    )
}


def plan(understanding: Understanding) -> list[Call]:
    """The intent's tool with all that is known; the cheapest hotel is the first that a search finds."""
    entities = dict(understanding.entities)
    if understanding.intent == "cheapest_hotel":
        return [("search_hotels", entities), ("hotel_details", {"hotel": "$a"})]
    return [(INTENTS[understanding.intent].tools[0], entities)]
