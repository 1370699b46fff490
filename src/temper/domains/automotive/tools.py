"""The dealer's tools: fourteen names with typed arguments. What they do to the world is in `actions`."""

from temper.domains.base import Arguments, Tool


class _Find(Arguments):
    body: str
    max_price: int


class _Vehicle(Arguments):
    vehicle: str


class _Slots(Arguments):
    vehicle: str
    day: str


class _TestDrive(Arguments):
    vehicle: str
    day: str
    time: str


class _Reserve(Arguments):
    vehicle: str
    confirmed: str


class _Finance(Arguments):
    vehicle: str
    months: int
    deposit: int


class _TradeIn(Arguments):
    model: str
    year: int
    km: int


class _Discount(Arguments):
    vehicle: str
    percent: int


class _Service(Arguments):
    service: str


class _ServiceBooking(Arguments):
    service: str
    day: str
    time: str


class _Plate(Arguments):
    plate: str


class _Cancel(Arguments):
    booking: str
    confirmed: str


class _Department(Arguments):
    department: str


TOOLS = {
    tool.name: tool
    for tool in (
        Tool("find_vehicles", _Find, writes=False),
        Tool("vehicle_details", _Vehicle, writes=False),
        Tool("check_slots", _Slots, writes=False),
        Tool("book_test_drive", _TestDrive, writes=True),
        Tool("reserve_vehicle", _Reserve, writes=True),
        Tool("quote_finance", _Finance, writes=False),
        Tool("value_trade_in", _TradeIn, writes=False),
        Tool("apply_discount", _Discount, writes=True),
        Tool("service_price", _Service, writes=False),
        Tool("book_service", _ServiceBooking, writes=True),
        Tool("service_status", _Plate, writes=False),
        Tool("cancel_booking", _Cancel, writes=True),
        Tool("opening_hours", _Department, writes=False),
        Tool("hand_over", _Department, writes=True),
    )
}
