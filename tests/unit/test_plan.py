"""The plan language: what is read, what is refused, and that nothing a model writes can do more than that."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from temper.agents.plan import Malformed, Plan, parse, volume
from temper.domains import load_domain

TOOLS = load_domain("automotive").tools
BOOKING = 'a = book_test_drive(vehicle="V12", day="monday", time="14:00")'


def test_a_plan_and_its_text_are_one() -> None:
    assert parse(BOOKING, TOOLS).text() == BOOKING


def test_equal_plans_have_equal_texts_however_they_are_written() -> None:
    other = "x = book_test_drive( time='14:00', vehicle='V12', day='monday' )"
    assert parse(other, TOOLS) == parse(BOOKING, TOOLS)


def test_an_earlier_line_can_be_named() -> None:
    text = 'x = find_vehicles(body="suv", max_price=20000)\ny = vehicle_details(vehicle=x)'
    assert parse(text, TOOLS).calls[1] == ("vehicle_details", {"vehicle": "$a"})
    assert parse(text, TOOLS).text().endswith("b = vehicle_details(vehicle=a)")


def test_questions_and_refusals_stand_alone() -> None:
    assert parse('seek_information(field="day")', TOOLS) == Plan(ask="day")
    assert parse('refuse(rule="closed_sunday")', TOOLS) == Plan(refuse="closed_sunday")
    with pytest.raises(Malformed, match="alone"):
        parse(f'{BOOKING}\nrefuse(rule="closed_sunday")', TOOLS)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "book it",
        "__import__('os').system('true')",
        "a = open(file='x')",
        "a = vehicle_details(vehicle=open('x'))",
        "a = vehicle_details(vehicle=b)",
        'a = vehicle_details("V12")',
        'a = vehicle_details(vehicle="V12", colour="red")',
        "a = vehicle_details(vehicle=12)",
        'a = apply_discount(vehicle="V12", percent="5")',
        'a = vehicle_details(vehicle="$a")',
        "vehicle_details(**{'vehicle': 'V12'})",
        "for a in b: pass",
        "(" * 500,
        "a = 1\x00",
    ],
)
def test_anything_else_is_malformed(text: str) -> None:
    with pytest.raises(Malformed):
        parse(text, TOOLS)


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=300) | st.text(alphabet='ab=()".,\n refuse_kdy0123"', max_size=200))
def test_no_text_escapes_the_parser(text: str) -> None:
    try:
        parse(text, TOOLS)
    except Malformed:
        return


def test_volume_grows_with_the_plan() -> None:
    longer = (
        'a = service_price(service="inspection")\nb = book_service(service="inspection", day="monday", time="09:00")'
    )
    assert 0 < volume('a = vehicle_details(vehicle="V12")') < volume(BOOKING) < volume(longer)
