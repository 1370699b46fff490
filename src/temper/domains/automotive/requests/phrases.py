"""More training wordings, made of an opener and a phrase, so that how a request begins says nothing of what it wants.

A phrase follows openers of its kind: what the customer wants to do, what the dealer should do, what the customer wants
to have, what the customer asks. No combination is a test wording.
"""

import random

OPENERS: dict[str, tuple[str, ...]] = {
    "do": (
        "I want to {}.", "I would like to {}.", "I need to {}.", "Can I {}?", "Could I {}?", "May I {}?",
        "We want to {}.", "We would like to {}.", "I have to {}.", "Let me {}.", "Is it possible to {}?",
    ),
    "you": (
        "{}.", "Please {}.", "{}, please.", "Could you {}?", "Can you {}?", "Would you {}?", "Could you please {}?",
        "I want you to {}.", "I would like you to {}.",
    ),
    "have": (
        "I want {}.", "I would like {}.", "I need {}.", "Can I have {}?", "Could I get {}?", "May I have {}?",
        "Give me {}.", "Please give me {}.", "We need {}.", "We would like {}.", "{}, please.",
    ),
    "ask": ("{}?", "Please tell me, {}?", "One question: {}?", "And {}?", "Do tell me, {}?", "So {}?"),
}  # fmt: skip

PHRASES: dict[str, dict[str, tuple[str, ...]]] = {
    "find_vehicles": {
        "do": (
            "see a {body}", "buy a {body} for {max_price} euros or less", "look at a {body} below {max_price}",
            "find a {body}", "get a {body} for {max_price}", "purchase a {body}",
            "buy a {body} from you", "buy a car that costs up to {max_price}",
        ),
        "you": (
            "show me every {body} up to {max_price} euros", "look for a {body} below {max_price}", "find me a {body}",
            "list your {body} offers", "search for a car up to {max_price}", "offer me a {body} within {max_price}",
        ),
        "have": ("a {body}", "a {body} below {max_price}", "a {body} that costs {max_price} or less", "some {body}"),
    },
    "vehicle_details": {
        "do": (
            "know the details of {vehicle}", "hear about {vehicle}", "learn something about {vehicle}",
            "know what {vehicle} is like", "know the colour of {vehicle}", "hear about one of your cars",
        ),
        "you": (
            "describe {vehicle} to me", "tell me about {vehicle}", "tell me what {vehicle} is like",
            "say more about {vehicle}", "tell me about a car", "show me what you know about {vehicle}",
        ),
        "have": (
            "the details of {vehicle}", "information on {vehicle}", "all data of {vehicle}", "some facts about a car",
            "the year and fuel of {vehicle}",
        ),
    },
    "check_slots": {
        "do": (
            "know the free times of {vehicle}", "see the free slots for {vehicle} on {day}",
            "know when {vehicle} is free on {day}", "know what is free on {day}", "find a free time for {vehicle}",
        ),
        "you": (
            "tell me the free times of {vehicle} on {day}", "check when {vehicle} is free",
            "show me what {day} has free",
            "look up the slots of {vehicle} for {day}", "list the free times for {vehicle} on {day}",
            "tell me if {vehicle} is free on {day}",
        ),
        "have": (
            "the free times of {vehicle} on {day}", "the free slots for {vehicle}", "a list of free times on {day}",
            "the open slots of {vehicle} on {day}",
        ),
    },
    "book_test_drive": {
        "do": (
            "test drive {vehicle}", "test drive {vehicle} on {day} at {time}", "drive {vehicle} on {day} at {time}",
            "book a test drive with {vehicle}", "try {vehicle} on {day}", "come for a test drive on {day} at {time}",
        ),
        "you": (
            "book a test drive for {vehicle} on {day}", "arrange a test drive of {vehicle} at {time}",
            "plan a test drive with {vehicle} on {day} at {time}", "put me down for a test drive on {day}",
            "book me a test drive",
        ),
        "have": (
            "a test drive", "a test drive with {vehicle}", "a test drive in {vehicle} on {day} at {time}",
            "a test drive on {day}", "a test drive of {vehicle} at {time}",
        ),
    },
    "reserve_vehicle": {
        "do": ("have {vehicle} reserved", "put {vehicle} on hold", "reserve a car", "be sure that I get {vehicle}"),
        "you": (
            "hold {vehicle} for me", "keep {vehicle} back for me", "put {vehicle} aside", "reserve a car for me",
            "set {vehicle} aside, yes, I am sure",
        ),
        "have": ("{vehicle} reserved", "a reservation for {vehicle}", "a reservation", "{vehicle} put aside"),
    },
    "cheapest_vehicle": {
        "do": (
            "hear all about your cheapest {body} up to {max_price}", "know what your cheapest {body} is like",
            "know everything about the cheapest {body} below {max_price}",
        ),
        "you": (
            "describe your cheapest {body} under {max_price}", "tell me what your cheapest {body} is like",
            "give me all details of the cheapest {body} below {max_price}",
        ),
        "have": (
            "the details of your cheapest {body}", "all details of the cheapest car up to {max_price}",
            "a description of the cheapest {body} below {max_price}",
        ),
    },
    "quote_finance": {
        "do": (
            "finance {vehicle} with {deposit} down", "pay {vehicle} in {months} months", "take a loan for {vehicle}",
            "pay {deposit} first and the rest of {vehicle} over {months} months", "pay monthly over {months} months",
            "buy {vehicle} on credit, {months} months and {deposit} down",
        ),
        "you": (
            "quote {vehicle} over {months} months", "calculate the rate of {vehicle} with {deposit} deposit",
            "finance {vehicle} for me", "finance {vehicle}, {months} months, {deposit} down",
            "tell me the monthly rate of {vehicle}",
        ),
        "have": (
            "a finance quote for {vehicle}", "a loan for {vehicle} over {months} months",
            "the monthly rate of {vehicle} with {deposit} down and {months} months", "a quote with {deposit} deposit",
        ),
    },
    "value_trade_in": {
        "do": (
            "trade in my {model}", "trade in a {model} from {year}", "sell you my {model} of {year} with {km} km",
            "exchange my {model}", "know what my {model} with {km} km is worth", "trade in a car with {km} km",
        ),
        "you": (
            "value my {model}", "tell me what my {model} from {year} is worth", "take my {model}, {year}, {km} km",
            "estimate my {model} from {year} with {km} km", "make me an offer for my old {model}",
        ),
        "have": (
            "an offer for my {model} from {year}", "the value of my {model} with {km} km",
            "a price for my old {model}", "an offer for a {year} {model} with {km} km",
        ),
    },
    "apply_discount": {
        "do": (
            "get a discount", "pay {percent} percent less for {vehicle}", "get {vehicle} cheaper",
            "have {percent} percent off", "ask for a better price for {vehicle}",
        ),
        "you": (
            "lower the price of {vehicle}", "give me {percent} percent off", "make {vehicle} cheaper",
            "reduce {vehicle} by {percent} percent", "take {percent} percent off the price of {vehicle}",
        ),
        "have": (
            "a discount", "a better price for {vehicle}", "a lower price for {vehicle}",
            "{percent} percent less on {vehicle}", "a discount of {percent} percent",
        ),
    },
    "service_price": {
        "do": (
            "know the price of {service}", "know what {service} costs", "hear what you charge for {service}",
            "know what a job in the workshop costs",
        ),
        "you": (
            "tell me the cost of {service}", "tell me how expensive {service} is", "tell me what a workshop job costs",
            "say what {service} would cost",
        ),
        "have": ("the price of {service}", "a price for {service}", "the cost of {service}", "your workshop price"),
    },
    "book_service": {
        "do": (
            "book {service} for {day}", "have {service} done on {day} at {time}", "bring my car for {service}",
            "come for {service} on {day} at {time}", "bring the car on {day} at {time}", "book {service}",
        ),
        "you": (
            "do {service} on {day} at {time}", "plan {service} for {day}", "book my car in for {service} at {time}",
            "book {service} for me", "put my car down for {service} on {day} at {time}",
        ),
        "have": (
            "{service} on {day} at {time}", "an appointment for {service}", "an appointment on {day} at {time}",
            "{service} on {day}", "{service} done",
        ),
    },
    "service_status": {
        "do": (
            "know if {plate} is ready", "pick up {plate}", "know how far you are with {plate}",
            "know if my car is ready", "collect my car {plate}",
        ),
        "you": (
            "check my car {plate}", "tell me if {plate} is done", "look up {plate}", "tell me how far my car is",
        ),
        "have": ("the status of {plate}", "news about {plate}", "my car {plate} back", "news about my car"),
    },
    "cancel_booking": {
        "do": (
            "cancel {booking}", "cancel booking {booking}", "drop {booking}", "cancel one of my bookings",
            "take back my booking {booking}", "cancel something that I booked",
        ),
        "you": (
            "cancel booking {booking}", "drop {booking}", "remove my booking {booking}",
            "delete {booking}, yes, I am sure", "cancel one booking for me",
        ),
        "have": ("{booking} cancelled", "my booking {booking} removed", "one of my bookings cancelled"),
    },
    "opening_hours": {
        "do": (
            "know the hours of {department}", "know when {department} is open", "know when I can come to {department}",
            "know your hours",
        ),
        "you": (
            "tell me the hours of {department}", "tell me when the {department} department is open",
            "tell me until when {department} is there", "tell me your opening hours",
        ),
        "have": ("the hours of {department}", "the opening hours of the {department} team", "your opening hours"),
        "ask": (
            "when can I speak to {department}", "when can I talk to somebody in {department}",
            "when may I call the {department} team", "when is somebody from {department} there for me",
            "when does the {department} team work", "what are the opening times of {department}",
            "what are the hours in {department}", "when do you open", "until when can I reach {department}",
            "at what time can the {department} team be reached", "when could I reach somebody in {department}",
        ),
    },
    "hand_over": {
        "do": (
            "talk to somebody from {department}", "speak to a human in {department}", "talk to a human",
            "be called by {department}", "speak with a colleague from {department}",
        ),
        "you": (
            "connect me with somebody in {department}", "pass me on to {department}", "let {department} call me",
            "get me a person from {department}", "put me through to a human",
            "let a human from {department} talk to me",
        ),
        "have": ("a person from {department}", "somebody in {department} on the phone", "a call from {department}"),
    },
}  # fmt: skip


def composed(rng: random.Random, intent: str) -> str:
    """A wording for this intent, with `{field}` for each value."""
    kinds = PHRASES[intent]
    kind = rng.choice(list(kinds))
    return rng.choice(OPENERS[kind]).replace("{}", rng.choice(kinds[kind]))
