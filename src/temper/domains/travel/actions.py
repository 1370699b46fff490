"""What each tool does: one function a tool, world in, outcome out. A refusal by the world is an outcome too."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from temper.domains.base import Outcome

if TYPE_CHECKING:
    from temper.domains.travel.world import Flight, Hotel, World

SHOWN = 2
"""Results that the customer hears of; the world keeps all of them."""


def _unknown(what: str) -> Outcome:
    return Outcome(f"{what} not found", (what,))


def _listed(results: Sequence[tuple[str, ...]]) -> Outcome:
    """The first results, each as its id and what the customer hears of it."""
    shown = results[:SHOWN]
    if not shown:
        return Outcome("none found", ("none",))
    facts = tuple(fact for result in shown for fact in result)
    return Outcome("; ".join(map(" ".join, shown)), facts, focus=shown[0][0], reference=shown[0][0])


def _flights(flights: Iterable[Flight]) -> Outcome:
    return _listed([(flight.id, str(flight.price)) for flight in flights])


def _hotels(hotels: Iterable[Hotel]) -> Outcome:
    return _listed([(hotel.id, hotel.name, str(hotel.price)) for hotel in hotels])


def search_flights(world: World, origin: str, destination: str, day: str) -> Outcome:
    """The cheapest flights of that day; all are kept."""
    wanted = (origin, destination, day)
    fitting = [f for f in world.flights.values() if (f.origin, f.destination, f.day) == wanted]
    cheapest = sorted(fitting, key=lambda flight: (flight.price, flight.id))
    world.cache["flights"] = [flight.id for flight in cheapest]
    return _flights(cheapest)


def filter_flights(world: World, max_price: int) -> Outcome:
    """Of the flights that were kept, those up to a price."""
    kept = [world.flights[name] for name in world.cache.get("flights", ())]
    return _flights(flight for flight in kept if flight.price <= max_price)


def book_flight(world: World, flight: str, confirmed: str) -> Outcome:
    """A booking."""
    if flight not in world.flights:
        return _unknown(flight)
    booking = world.next_id()
    world.trips[booking] = flight
    return Outcome(f"{booking} {flight}", (booking, flight), focus=flight)


def search_hotels(world: World, city: str, stars: int) -> Outcome:
    """The cheapest hotels of a category; all are kept."""
    fitting = [hotel for hotel in world.hotels.values() if (hotel.city, hotel.stars) == (city, stars)]
    cheapest = sorted(fitting, key=lambda hotel: (hotel.price, hotel.id))
    world.cache["hotels"] = [hotel.id for hotel in cheapest]
    return _hotels(cheapest)


def filter_hotels(world: World, max_price: int) -> Outcome:
    """Of the hotels that were kept, those up to a price a night."""
    kept = [world.hotels[name] for name in world.cache.get("hotels", ())]
    return _hotels(hotel for hotel in kept if hotel.price <= max_price)


def hotel_details(world: World, hotel: str) -> Outcome:
    """Name, city, stars and price a night."""
    known = world.hotels.get(hotel)
    if not known:
        return _unknown(hotel)
    facts = (hotel, known.name, known.city, str(known.stars), str(known.price))
    return Outcome(" ".join(facts), facts, focus=hotel)


def book_hotel(world: World, hotel: str, nights: int) -> Outcome:
    """A booking with its whole price."""
    known = world.hotels.get(hotel)
    if not known:
        return _unknown(hotel)
    booking, price = world.next_id(), str(known.price * nights)
    world.trips[booking] = f"{hotel} {nights}"
    return Outcome(f"{booking} {hotel} {nights} nights {price}", (booking, hotel, str(nights), price), focus=hotel)


def search_restaurants(world: World, city: str, cuisine: str) -> Outcome:
    """Restaurants of a cuisine."""
    fitting = [place for place in world.restaurants.values() if (place.city, place.cuisine) == (city, cuisine)]
    return _listed(sorted((place.id, place.name) for place in fitting))


def book_table(world: World, restaurant: str, day: str, people: int) -> Outcome:
    """A table."""
    if restaurant not in world.restaurants:
        return _unknown(restaurant)
    booking = world.next_id()
    world.trips[booking] = f"{restaurant} {day} {people}"
    facts = (booking, restaurant, day, str(people))
    return Outcome(f"{booking} {restaurant} {day} {people} people", facts, focus=restaurant)


def search_attractions(world: World, city: str, kind: str) -> Outcome:
    """Sights of a kind."""
    fitting = [sight for sight in world.attractions.values() if (sight.city, sight.kind) == (city, kind)]
    return _listed(sorted((sight.id, sight.name) for sight in fitting))


def cancel_trip(world: World, booking: str, confirmed: str) -> Outcome:
    """Remove a booking of this customer."""
    if world.trips.pop(booking, None) is None:
        return _unknown(booking)
    return Outcome(f"{booking} cancelled", (booking, "cancelled"))


ACTIONS: dict[str, Callable[..., Outcome]] = {
    action.__name__: action
    for action in (
        search_flights, filter_flights, book_flight, search_hotels, filter_hotels, hotel_details, book_hotel,
        search_restaurants, book_table, search_attractions, cancel_trip,
    )
}  # fmt: skip
