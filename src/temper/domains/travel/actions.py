"""What each tool does: one function a tool, world in, outcome out. A refusal by the world is an outcome too."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from temper.domains.base import Outcome

if TYPE_CHECKING:
    from temper.domains.travel.world import World

SHOWN = 2
"""Results that are told; all of them are kept."""


def _unknown(what: str) -> Outcome:
    return Outcome(f"{what} not found", (what,))


def _found(things: Iterable[dict[str, Any]], *told: str) -> Outcome:
    """The first results, each as its id and what is told of it."""
    shown = [[str(thing[key]) for key in ("id", *told)] for thing in list(things)[:SHOWN]]
    if not shown:
        return Outcome("none found", ("none",))
    facts = tuple(fact for thing in shown for fact in thing)
    return Outcome("; ".join(" ".join(thing) for thing in shown), facts, focus=shown[0][0], reference=shown[0][0])


def _cheapest(things: Iterable[dict[str, Any]], **wanted: Any) -> list[dict[str, Any]]:
    fitting = [thing for thing in things if all(thing[key] == value for key, value in wanted.items())]
    return sorted(fitting, key=lambda thing: (thing.get("price", 0), thing["id"]))


def search_flights(world: World, origin: str, destination: str, day: str) -> Outcome:
    """The cheapest flights of that day; all are kept."""
    found = _cheapest(world.flights.values(), origin=origin, destination=destination, day=day)
    world.cache["flights"] = [flight["id"] for flight in found]
    return _found(found, "price")


def filter_flights(world: World, max_price: int) -> Outcome:
    """Of the flights that were kept, those up to a price."""
    kept = [world.flights[name] for name in world.cache.get("flights", ())]
    return _found([flight for flight in kept if flight["price"] <= max_price], "price")


def book_flight(world: World, flight: str, confirmed: str) -> Outcome:
    """A booking."""
    if flight not in world.flights:
        return _unknown(flight)
    booking = world.next_id()
    world.trips[booking] = flight
    return Outcome(f"{booking} {flight}", (booking, flight), focus=flight)


def search_hotels(world: World, city: str, stars: int) -> Outcome:
    """The cheapest hotels of a category; all are kept."""
    found = _cheapest(world.hotels.values(), city=city, stars=stars)
    world.cache["hotels"] = [hotel["id"] for hotel in found]
    return _found(found, "name", "price")


def filter_hotels(world: World, max_price: int) -> Outcome:
    """Of the hotels that were kept, those up to a price a night."""
    kept = [world.hotels[name] for name in world.cache.get("hotels", ())]
    return _found([hotel for hotel in kept if hotel["price"] <= max_price], "name", "price")


def hotel_details(world: World, hotel: str) -> Outcome:
    """Name, city, stars and price a night."""
    found = world.hotels.get(hotel)
    if not found:
        return _unknown(hotel)
    facts = (hotel, found["name"], found["city"], str(found["stars"]), str(found["price"]))
    return Outcome(" ".join(facts), facts, focus=hotel)


def book_hotel(world: World, hotel: str, nights: int) -> Outcome:
    """A booking with its whole price."""
    found = world.hotels.get(hotel)
    if not found:
        return _unknown(hotel)
    booking, price = world.next_id(), str(found["price"] * nights)
    world.trips[booking] = f"{hotel} {nights}"
    return Outcome(f"{booking} {hotel} {nights} nights {price}", (booking, hotel, str(nights), price), focus=hotel)


def search_restaurants(world: World, city: str, cuisine: str) -> Outcome:
    """Restaurants of a cuisine."""
    return _found(_cheapest(world.restaurants.values(), city=city, cuisine=cuisine), "name")


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
    return _found(_cheapest(world.attractions.values(), city=city, kind=kind), "name")


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
