"""What each tool does: one function a tool, world in, outcome out. A refusal by the world is an outcome too."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from temper.domains.automotive.catalogue import DEPARTMENTS, SERVICES, TIMES
from temper.domains.base import Outcome

if TYPE_CHECKING:
    from temper.domains.automotive.world import Vehicle, World


def _unknown(what: str) -> Outcome:
    return Outcome(f"{what} not found", (what,))


def _matching(world: World, body: str, max_price: int) -> list[Vehicle]:
    matching = [v for v in world.vehicles.values() if v.body == body and v.price <= max_price and not v.sold]
    return sorted(matching, key=lambda vehicle: (vehicle.price, vehicle.id))


def find_vehicles(world: World, body: str, max_price: int) -> Outcome:
    """The two cheapest that are for sale."""
    cheapest = _matching(world, body, max_price)[:2]
    if not cheapest:
        return Outcome(f"no {body} up to {max_price}", (body, str(max_price)))
    facts = tuple(fact for vehicle in cheapest for fact in (vehicle.id, vehicle.model, str(vehicle.price)))
    text = "; ".join(f"{vehicle.id} {vehicle.model} {vehicle.price}" for vehicle in cheapest)
    return Outcome(text, facts, focus=cheapest[0].id, reference=cheapest[0].id)


def vehicle_details(world: World, vehicle: str) -> Outcome:
    """Model, colour, fuel, year and price."""
    known = world.vehicles.get(vehicle)
    if not known:
        return _unknown(vehicle)
    facts = (known.id, known.model, known.colour, known.fuel, str(known.year), str(known.price))
    return Outcome(" ".join(facts), facts, focus=known.id)


def check_slots(world: World, vehicle: str, day: str) -> Outcome:
    """Free times for a test drive."""
    free = [time for time in TIMES if (day, time) not in world.taken]
    return Outcome(f"{vehicle} {day} free {' '.join(free)}", (vehicle, day, *free), focus=vehicle)


def _book(world: World, what: str, day: str, time: str, focus: str | None) -> Outcome:
    if (day, time) in world.taken:
        return Outcome(f"{what} {day} {time} taken", (day, time, "taken"), focus=focus)
    booking = world.next_id("B")
    world.bookings[booking] = f"{what} {day} {time}"
    return Outcome(f"{booking} {what} {day} {time}", (booking, what, day, time), focus=focus)


def book_test_drive(world: World, vehicle: str, day: str, time: str) -> Outcome:
    """A booking, unless somebody has the time already."""
    if vehicle not in world.vehicles:
        return _unknown(vehicle)
    return _book(world, vehicle, day, time, vehicle)


def reserve_vehicle(world: World, vehicle: str, confirmed: str) -> Outcome:
    """Keep a vehicle for the customer."""
    if vehicle not in world.vehicles:
        return _unknown(vehicle)
    world.reserved = vehicle
    return Outcome(f"{vehicle} reserved", (vehicle, "reserved"), focus=vehicle)


def quote_finance(world: World, vehicle: str, months: int, deposit: int) -> Outcome:
    """Monthly rate in whole euros, without interest."""
    known = world.vehicles.get(vehicle)
    if not known:
        return _unknown(vehicle)
    rate = str(max(0, round((known.price - deposit) / max(1, months))))
    return Outcome(f"{vehicle} {months} months {rate} monthly", (vehicle, str(months), rate), focus=vehicle)


def value_trade_in(world: World, model: str, year: int, km: int) -> Outcome:
    """An offer that falls with age and distance, in whole hundreds of euros."""
    offer = max(500, 14000 - (2025 - year) * 800 - km // 50)
    value = str(offer // 100 * 100)
    return Outcome(f"{model} {year} offer {value}", (model, str(year), value))


def apply_discount(world: World, vehicle: str, percent: int) -> Outcome:
    """Lower the price for good."""
    known = world.vehicles.get(vehicle)
    if not known:
        return _unknown(vehicle)
    known.price = known.price * (100 - percent) // 100
    return Outcome(
        f"{vehicle} {percent} percent new price {known.price}", (vehicle, str(percent), str(known.price)), vehicle
    )


def service_price(world: World, service: str) -> Outcome:
    """Price of a workshop job in euros."""
    if service not in SERVICES:
        return _unknown(service)
    return Outcome(f"{service} {SERVICES[service]} euros", (service, str(SERVICES[service])))


def book_service(world: World, service: str, day: str, time: str) -> Outcome:
    """A workshop booking, unless the time is taken."""
    return _book(world, service, day, time, None)


def service_status(world: World, plate: str) -> Outcome:
    """How far the work on a car is."""
    if plate not in world.plates:
        return _unknown(plate)
    return Outcome(f"{plate} {world.plates[plate]}", (plate, world.plates[plate]))


def cancel_booking(world: World, booking: str, confirmed: str) -> Outcome:
    """Remove a booking of this customer."""
    if world.bookings.pop(booking, None) is None:
        return _unknown(booking)
    return Outcome(f"{booking} cancelled", (booking, "cancelled"))


def opening_hours(world: World, department: str) -> Outcome:
    """Opening hours on working days."""
    if department not in DEPARTMENTS:
        return _unknown(department)
    start, end = DEPARTMENTS[department]
    return Outcome(f"{department} {start} to {end}", (department, start, end))


def hand_over(world: World, department: str) -> Outcome:
    """A ticket for a person of that department."""
    ticket = world.next_id("T")
    world.hand_overs.append(f"{ticket} {department}")
    return Outcome(f"{ticket} {department}", (ticket, department))


ACTIONS: dict[str, Callable[..., Outcome]] = {
    action.__name__: action
    for action in (
        find_vehicles, vehicle_details, check_slots, book_test_drive, reserve_vehicle, quote_finance, value_trade_in,
        apply_discount, service_price, book_service, service_status, cancel_booking, opening_hours, hand_over,
    )
}  # fmt: skip
