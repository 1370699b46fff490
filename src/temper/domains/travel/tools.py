"""The travel agency's tools. A search keeps its results; a filter works on the results of the last search."""

from temper.domains.base import Arguments, Tool


class _Flights(Arguments):
    origin: str
    destination: str
    day: str


class _Price(Arguments):
    max_price: int


class _Flight(Arguments):
    flight: str
    confirmed: str


class _Hotels(Arguments):
    city: str
    stars: int


class _Hotel(Arguments):
    hotel: str


class _Stay(Arguments):
    hotel: str
    nights: int


class _Restaurants(Arguments):
    city: str
    cuisine: str


class _Table(Arguments):
    restaurant: str
    day: str
    people: int


class _Attractions(Arguments):
    city: str
    kind: str


class _Cancel(Arguments):
    booking: str
    confirmed: str


TOOLS = {
    tool.name: tool
    for tool in (
        Tool("search_flights", _Flights, writes=True),  # it keeps its results, and they are state
        Tool("filter_flights", _Price, writes=False),
        Tool("book_flight", _Flight, writes=True),
        Tool("search_hotels", _Hotels, writes=True),
        Tool("filter_hotels", _Price, writes=False),
        Tool("hotel_details", _Hotel, writes=False),
        Tool("book_hotel", _Stay, writes=True),
        Tool("search_restaurants", _Restaurants, writes=False),
        Tool("book_table", _Table, writes=True),
        Tool("search_attractions", _Attractions, writes=False),
        Tool("cancel_trip", _Cancel, writes=True),
    )
}
