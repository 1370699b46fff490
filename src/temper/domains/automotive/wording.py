"""How the dealer's customers say things: requests by intent and answers by field, split between training and test.

A request that leaves a `{field}` out is one with missing information. No wording is in both splits.
"""

REQUESTS: dict[str, dict[str, tuple[str, ...]]] = {
    "find_vehicles": {
        "train": (
            "I am looking for a {body} up to {max_price} euros.", "Show me a {body} for {max_price} at most.",
            "Which {body} do you have below {max_price}?", "Do you sell a {body}? My budget is {max_price}.",
            "I want to buy a {body} for no more than {max_price}.", "Find me a {body} under {max_price} euros.",
            "We need a {body}, we can spend {max_price}.", "I am looking for a {body}.",
            "What cars do you have up to {max_price}?", "Any {body} on offer?",
        ),
        "test": (
            "Could you find a {body} for up to {max_price} euros?", "I need a {body} with a budget of {max_price}.",
            "Do you have a {body} under {max_price}?", "I would like to buy a {body}.",
        ),
    },
    "vehicle_details": {
        "train": (
            "Tell me more about {vehicle}.", "What colour is {vehicle}?", "Give me the details of {vehicle}.",
            "What do you know about {vehicle}?", "How old is {vehicle}?", "Describe {vehicle}, please.",
            "I want the data of {vehicle}.", "Can you tell me more about a car?",
        ),
        "test": (
            "Please tell me the details of {vehicle}.", "I want to know more about {vehicle}.",
            "What is the colour and year of {vehicle}?", "I would like details of a car.",
        ),
    },
    "check_slots": {
        "train": (
            "When can I drive {vehicle} on {day}?", "Which times are free for {vehicle} on {day}?",
            "What slots are left on {day} for {vehicle}?", "Is {vehicle} free on {day}?",
            "Show me the free times of {vehicle} for {day}.", "When is {vehicle} free?",
            "Which slots are open on {day}?", "At what times could we try {vehicle} on {day}?",
        ),
        "test": (
            "What times are free on {day} for {vehicle}?", "Which slots does {vehicle} have on {day}?",
            "What free slots does {vehicle} have?", "When on {day} is {vehicle} free?",
        ),
    },
    "book_test_drive": {
        "train": (
            "Book a test drive of {vehicle} on {day} at {time}.", "I want to test drive {vehicle} on {day} at {time}.",
            "Can I try {vehicle} on {day} at {time}?", "Please arrange a test drive with {vehicle}, {day}, {time}.",
            "Put me down to drive {vehicle} on {day} at {time}.", "I would like to test drive {vehicle} on {day}.",
            "Book me a test drive of {vehicle}.", "I want a test drive on {day} at {time}.",
            "A test drive of {vehicle} at {time}, please.", "We come on {day} at {time} to test drive {vehicle}.",
        ),
        "test": (
            "Could you book a test drive with {vehicle} for {day} at {time}?",
            "I would like a test drive of {vehicle} on {day} at {time}.", "Can I test drive {vehicle} on {day}?",
            "Please book a test drive of {vehicle}.",
        ),
    },
    "reserve_vehicle": {
        "train": (
            "Reserve {vehicle} for me.", "Please hold {vehicle} for me.", "I want to reserve {vehicle}.",
            "Can you keep {vehicle} for me?", "Put {vehicle} aside for me.", "Reserve {vehicle}, yes, I am sure.",
            "I want to reserve a car.",
        ),
        "test": ("Could you reserve {vehicle} for me?", "Please keep {vehicle} for me.", "I would like to reserve {vehicle}."),
    },
    "cheapest_vehicle": {
        "train": (
            "What is your cheapest {body} up to {max_price}? Give me the details.",
            "Details of the cheapest {body} below {max_price}, please.",
            "Describe the cheapest {body} under {max_price} euros.", "Which is the cheapest {body}, with all details?",
        ),
        "test": (
            "Tell me all about the cheapest {body} under {max_price}.",
            "I want the details of the cheapest {body} up to {max_price}.",
        ),
    },
    "quote_finance": {
        "train": (
            "What would {vehicle} cost a month over {months} months with {deposit} deposit?",
            "Finance {vehicle} over {months} months, I pay {deposit} first.",
            "I want a loan for {vehicle}: {months} months, {deposit} down.",
            "Give me a finance quote for {vehicle} over {months} months with a deposit of {deposit}.",
            "Can I pay {vehicle} in {months} months with {deposit} down?", "Quote me the finance of {vehicle}.",
            "What is the monthly rate of {vehicle} for {months} months?", "I need a finance quote with {deposit} deposit.",
        ),
        "test": (
            "Please quote finance for {vehicle}, {months} months and {deposit} deposit.",
            "What is the monthly rate for {vehicle} over {months} months with {deposit} down?",
            "I would like to finance {vehicle} over {months} months.",
        ),
    },
    "value_trade_in": {
        "train": (
            "What do you pay for my {model} from {year} with {km} km?", "I want to trade in my {model}, {year}, {km} km.",
            "Value my old {model} of {year}, it has done {km} km.", "How much is my {year} {model} worth with {km} km?",
            "Would you take my {model} from {year} with {km} km?", "I want to trade in my {model}.",
            "What is my {model} from {year} worth?", "My old car has {km} km, what do you pay for it?",
        ),
        "test": (
            "How much do you pay for a {model} from {year} with {km} km?",
            "I would like to trade in a {model} of {year} with {km} km.", "What is my old {model} worth?",
        ),
    },
    "apply_discount": {
        "train": (
            "Give me {percent} percent off {vehicle}.", "I want a discount of {percent} percent on {vehicle}.",
            "Can you take {percent} percent off the price of {vehicle}?", "{percent} percent less for {vehicle}, please.",
            "Make {vehicle} {percent} percent cheaper.", "Is there a discount on {vehicle}?", "I want a discount.",
        ),
        "test": (
            "Could I get {percent} percent off {vehicle}?", "Please give me a {percent} percent discount on {vehicle}.",
            "Can I have a discount on {vehicle}?",
        ),
    },
    "service_price": {
        "train": (
            "How much is {service}?", "What does {service} cost?", "What do you charge for {service}?",
            "Tell me the price of {service}.", "Is {service} expensive?", "How much do you ask for a job in the workshop?",
        ),
        "test": ("What is the price of {service}?", "How much do you charge for {service}?", "How much would {service} cost me?"),
    },
    "book_service": {
        "train": (
            "Book {service} on {day} at {time}.", "I need {service} on {day} at {time}.",
            "Can my car come for {service} on {day} at {time}?", "Please plan {service} for {day}, {time}.",
            "My car needs {service}, {day} at {time} would suit me.", "I want to book {service}.",
            "Can you do {service} on {day}?", "I want to bring my car to the workshop on {day} at {time}.",
        ),
        "test": (
            "Could you book {service} for {day} at {time}?", "I would like to book {service} on {day} at {time}.",
            "My car needs {service} on {day}.", "Please book {service} for my car.",
        ),
    },
    "service_status": {
        "train": (
            "Is my car {plate} ready?", "How far is the work on {plate}?", "What is the status of {plate}?",
            "Can I pick up {plate} yet?", "Is my car ready?", "Any news of {plate}?",
        ),
        "test": ("Is {plate} ready yet?", "Please tell me the status of my car {plate}.", "What is the status of my car?"),
    },
    "cancel_booking": {
        "train": (
            "Cancel booking {booking}.", "I want to cancel {booking}.", "Please drop my booking {booking}.",
            "I cannot come, cancel {booking}.", "Cancel {booking}, yes, I am sure.", "I have to cancel my booking.",
        ),
        "test": ("Could you cancel {booking}?", "Please cancel my booking {booking}.", "I need to cancel a booking."),
    },
    "opening_hours": {
        "train": (
            "When is the {department} department open?", "What are the hours of {department}?",
            "Until when is {department} open?", "When does {department} open?", "What are your opening hours?",
        ),
        "test": ("What are the opening hours of {department}?", "When can I reach the {department} department?"),
    },
    "hand_over": {
        "train": (
            "I want to talk to a person in {department}.", "Connect me with somebody from {department}.",
            "Let me speak with a human, {department} please.", "I want to talk to a person.",
        ),
        "test": ("Can I speak to a person from {department}?", "Please connect me with a human in {department}."),
    },
}  # fmt: skip

ANSWERS: dict[str, dict[str, tuple[str, ...]]] = {
    "body": {"train": ("A {body}.", "A {body}, please.", "It should be a {body}."), "test": ("I want a {body}.",)},
    "max_price": {
        "train": ("Up to {max_price}.", "{max_price} euros at most.", "My budget is {max_price}."),
        "test": ("At most {max_price} euros.",),
    },
    "vehicle": {"train": ("{vehicle}.", "I mean {vehicle}.", "It is {vehicle}."), "test": ("{vehicle}, please.",)},
    "day": {"train": ("On {day}.", "{day}.", "{day} would be good."), "test": ("{day}, please.", "On {day}, please.")},
    "time": {"train": ("At {time}.", "{time}.", "{time} would be good."), "test": ("{time}, please.", "At {time}, please.")},
    "confirmed": {
        "train": ("Yes.", "Yes, please.", "Yes, I am sure.", "Yes, do it."),
        "test": ("Yes, I want that.", "Yes, go ahead."),
    },
    "months": {"train": ("Over {months} months.", "{months} months."), "test": ("{months} months, please.",)},
    "deposit": {
        "train": ("I pay {deposit} first.", "{deposit} euros.", "{deposit} down."),
        "test": ("A deposit of {deposit}.",),
    },
    "model": {"train": ("A {model}.", "It is a {model}."), "test": ("I have a {model}.",)},
    "year": {"train": ("From {year}.", "It is from {year}.", "{year}."), "test": ("The year is {year}.",)},
    "km": {"train": ("{km} km.", "It has {km} km."), "test": ("It has done {km} km.",)},
    "percent": {"train": ("{percent} percent.", "I thought of {percent} percent."), "test": ("{percent} percent, please.",)},
    "service": {"train": ("{service}.", "It needs {service}.", "The {service}."), "test": ("{service}, please.",)},
    "plate": {"train": ("{plate}.", "The plate is {plate}."), "test": ("It is {plate}.",)},
    "booking": {"train": ("{booking}.", "It is {booking}."), "test": ("Booking {booking}.",)},
    "department": {"train": ("{department}.", "The {department} department."), "test": ("{department}, please.",)},
}  # fmt: skip

RAMBLES: dict[str, tuple[str, ...]] = {
    "train": (
        "My neighbour told me about your shop and he was very happy with it.",
        "Sorry for the noise, I am on the train at the moment.",
        "It has been a long week and I finally have some time for this.",
        "My daughter starts her new job soon, so we talked about it at home.",
        "I was at another dealer before and did not like it there.",
        "The weather is terrible today, isn't it?",
    ),
    "test": (
        "My brother said that I should ask you, he knows the place well.",
        "I hope you are all doing well, it was so busy the last time.",
        "We have just moved here and do not know many people yet.",
    ),
}

POLITE = ("", "", "", "Hello. ", "Hi, ", "Thanks. ", "Okay. ")
"""Openers, in both splits; half of the requests have none."""

QUESTIONS: dict[str, tuple[str, tuple[str, ...]]] = {
    "body": ("Which body type would you like?", ("body",)),
    "max_price": ("What is your maximum price?", ("price",)),
    "vehicle": ("Which vehicle do you mean?", ("vehicle",)),
    "day": ("Which day would you like?", ("day",)),
    "time": ("What time would you like?", ("time",)),
    "confirmed": ("Please confirm: shall I do this?", ("confirm",)),
    "months": ("Over how many months?", ("months",)),
    "deposit": ("How much deposit would you pay?", ("deposit",)),
    "model": ("Which model is it?", ("model",)),
    "year": ("Which year is it from?", ("year",)),
    "km": ("How many km has it done?", ("km",)),
    "percent": ("How many percent do you have in mind?", ("percent",)),
    "service": ("Which service do you need?", ("service",)),
    "plate": ("What is the plate?", ("plate",)),
    "booking": ("Which booking is it?", ("booking",)),
    "department": ("Which department?", ("department",)),
}
"""By field: the right question and the word that it has to hold."""
