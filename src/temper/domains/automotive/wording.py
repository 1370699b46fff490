"""What else the dealer's customers say, split between training and test, and the questions they are asked.

No wording is in both splits, whatever its punctuation, its order of words and its politeness.
"""

ANSWERS: dict[str, dict[str, tuple[str, ...]]] = {
    "body": {
        "train": (
            "A {body}.",
            "A {body}, please.",
            "It should be a {body}.",
            "I want a {body}, please.",
            "A {body} would be nice.",
        ),
        "test": ("I am looking for a {body}.",),
    },
    "max_price": {
        "train": (
            "Up to {max_price}.",
            "{max_price} euros at most.",
            "My budget is {max_price}.",
            "Up to {max_price} euros, please.",
            "I can pay {max_price}.",
        ),
        "test": ("Not more than {max_price} euros.",),
    },
    "vehicle": {
        "train": (
            "{vehicle}.",
            "I mean {vehicle}.",
            "It is {vehicle}.",
            "I want {vehicle}.",
            "The one with number {vehicle}.",
            "{vehicle} it is.",
            "I would like {vehicle}.",
            "Number {vehicle}.",
            "The car is {vehicle}.",
        ),
        "test": ("That would be {vehicle}.",),
    },
    "day": {
        "train": (
            "On {day}.",
            "{day}.",
            "{day} would be good.",
            "{day} please.",
            "I can come on {day}.",
            "Let us say {day}.",
            "On {day}, if possible.",
            "{day} suits me.",
            "Make it {day}, please.",
            "On {day}, thank you.",
            "{day}, if that works.",
        ),
        "test": ("{day} is fine.", "I have time on {day}."),
    },
    "time": {
        "train": (
            "At {time}.",
            "{time}.",
            "{time} would be good.",
            "{time} please.",
            "Let us say {time}.",
            "I can come at {time}.",
            "At {time}, if possible.",
            "{time} suits me.",
            "Make it {time}, please.",
            "At {time}, thank you.",
            "{time}, if that works.",
        ),
        "test": ("{time} is fine.", "I have time at {time}."),
    },
    "confirmed": {
        "train": (
            "Yes.",
            "Yes, please.",
            "Yes, I am sure.",
            "Yes, do it.",
            "Yes, I do.",
            "Yes, of course.",
            "Yes, please do that.",
            "Yes, that is what I want.",
            "Sure, yes.",
        ),
        "test": ("Yes, I want that.", "Yes, go ahead."),
    },
    "months": {
        "train": (
            "Over {months} months.",
            "{months} months.",
            "Let us say {months} months.",
            "{months} months please.",
            "I want {months} months.",
        ),
        "test": ("{months} months would be good.",),
    },
    "deposit": {
        "train": (
            "I pay {deposit} first.",
            "{deposit} euros.",
            "{deposit} down.",
            "{deposit} euros, please.",
            "I would pay {deposit}.",
            "The deposit is {deposit}.",
            "My deposit would be {deposit}.",
            "{deposit} as a deposit.",
            "I have {deposit} for the deposit.",
        ),
        "test": ("A deposit of {deposit}.",),
    },
    "model": {
        "train": (
            "A {model}.",
            "It is a {model}.",
            "My car is a {model}.",
            "A {model}, please.",
            "{model}.",
        ),
        "test": ("I have a {model}.",),
    },
    "year": {
        "train": (
            "From {year}.",
            "It is from {year}.",
            "{year}.",
            "It was built in {year}.",
            "{year}, please.",
            "The car is from {year}.",
        ),
        "test": ("The year is {year}.",),
    },
    "km": {
        "train": (
            "{km} km.",
            "It has {km} km.",
            "About {km} km.",
            "It did {km} km so far.",
            "{km}.",
        ),
        "test": ("It has done {km} km.",),
    },
    "percent": {
        "train": (
            "{percent} percent.",
            "I thought of {percent} percent.",
            "Let us say {percent} percent.",
            "I want {percent} percent.",
            "{percent}.",
        ),
        "test": ("I hope for {percent} percent.",),
    },
    "service": {
        "train": (
            "{service}.",
            "It needs {service}.",
            "The {service}.",
            "I need {service}.",
            "{service} please.",
            "For {service}.",
        ),
        "test": ("It is about {service}.",),
    },
    "plate": {
        "train": (
            "{plate}.",
            "The plate is {plate}.",
            "My plate is {plate}.",
            "{plate}, please.",
            "That is {plate}.",
        ),
        "test": ("It is {plate}.",),
    },
    "booking": {
        "train": (
            "{booking}.",
            "It is {booking}.",
            "My booking is {booking}.",
            "I mean {booking}.",
            "{booking}, please.",
        ),
        "test": ("Booking {booking}.",),
    },
    "department": {
        "train": (
            "{department}.",
            "The {department} department.",
            "I mean {department}.",
            "{department} please.",
            "From {department}.",
        ),
        "test": ("I need {department}.",),
    },
}

RAMBLES: dict[str, tuple[str, ...]] = {
    "train": (
        "My neighbour told me about your shop and he was very happy with it.",
        "Sorry for the noise, I am on the train at the moment.",
        "It has been a long week and I finally have some time for this.",
        "My daughter starts her new job soon, so we talked about it at home.",
        "I was at another dealer before and did not like it there.",
        "The weather is terrible today, isn't it?",
        "I saw your advertisement in the newspaper this morning.",
        "My son told me to write to you, he knows about these things.",
        "We are planning a long trip for the summer.",
        "I have never done this before, so please be patient with me.",
        "It was hard to find your number, but here I am.",
    ),
    "test": (
        "My brother said that I should ask you, he knows the place well.",
        "I hope you are all doing well, it was so busy the last time.",
        "We have just moved here and do not know many people yet.",
    ),
}

FOCUS: dict[str, tuple[str, ...]] = {
    "train": ("it", "it", "that one", "this car", "this one", "that car", "the car"),
    "test": ("it", "it", "that one", "this car"),
}
"""What the vehicle that was talked about is called, when not by its number."""

POLITE = ("", "", "", "Hello. ", "Hi, ", "Thanks. ", "Okay. ")
"""Openers, in both splits; half of the requests have none."""

CORRECTIONS: dict[str, tuple[str, ...]] = {
    "train": ("No, sorry.", "Sorry, I was wrong.", "Wait, no.", "I made a mistake.", "Not that one, sorry."),
    "test": ("Oh, that was not right.", "I got that wrong."),
}
"""What comes before a value that is said anew."""

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
