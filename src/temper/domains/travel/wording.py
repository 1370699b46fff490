"""How travellers speak: requests by intent and answers by field, split between training and test, and the questions.

A request that leaves a `{field}` out is one with missing information. No wording is in both splits,
whatever its punctuation, its order of words and its politeness.
"""

Wordings = dict[str, dict[str, tuple[str, ...]]]

REQUESTS: Wordings = {
    "search_flights": {
        "train": (
            "Show me flights from {origin} to {destination} on {day}.",
            "I want to fly from {origin} to {destination} on {day}.",
            "I need a flight to {destination} on {day}.",
            "Is there a flight from {origin} to {destination} on {day}?",
            "Which flights go to {destination}?",
            "Find flights {origin} to {destination}, {day}.",
            "We are flying to {destination} on {day}, what is there?",
            "Please look for flights from {origin} on {day}.",
            "Could you search flights to {destination} from {origin}?",
            "What flies from {origin} to {destination} on {day}?",
            "I am looking for a flight.",
            "Give me all flights to {destination} on {day} from {origin}.",
        ),
        "test": (
            "Can you find me a flight from {origin} to {destination} on {day}?",
            "I have to get to {destination} on {day}.",
        ),
    },
    "filter_flights": {
        "train": (
            "Only flights up to {max_price}, please.",
            "Which of the flights are below {max_price}?",
            "Show me the flights that cost at most {max_price}.",
            "My flight may cost {max_price}.",
            "Are there cheaper flights among them?",
            "Leave out the flights above {max_price}.",
            "Which flights stay under {max_price} euros?",
            "Filter the flights by price.",
            "I only want to see flights for {max_price} or less.",
            "Of those flights, which are up to {max_price}?",
        ),
        "test": (
            "Please keep only the flights under {max_price} euros.",
            "Which flights are not more than {max_price}?",
        ),
    },
    "book_flight": {
        "train": (
            "Book flight {flight}.",
            "I take {flight}.",
            "Please book me on {flight}.",
            "I want to book a flight.",
            "Reserve a seat on {flight}.",
            "Flight {flight} is fine, book it.",
            "Can I get on {flight}?",
            "We would like to fly with {flight}.",
            "Put me on flight {flight}, please.",
            "I choose {flight}.",
            "Let me have a seat on {flight}.",
            "Could you book {flight} for me?",
        ),
        "test": ("I would like to book {flight}.", "Get me a seat on {flight}, please."),
    },
    "cancel_trip": {
        "train": (
            "Cancel {booking}.",
            "I cannot travel, cancel {booking}.",
            "Please cancel my trip.",
            "Drop booking {booking}.",
            "I do not need {booking} any more.",
            "Call off {booking}, please.",
            "Could you cancel booking {booking}?",
            "I want to cancel a booking.",
            "Delete my booking {booking}.",
            "We have to call off {booking}.",
        ),
        "test": ("I need to cancel {booking}.", "Please take {booking} off my list."),
    },
    "search_hotels": {
        "train": (
            "Show me hotels with {stars} stars in {city}.",
            "I need a hotel in {city}.",
            "Find {stars} star hotels in {city}.",
            "Where can I stay in {city} with {stars} stars?",
            "We need a room in {city}, {stars} stars.",
            "Which hotels in {city} have {stars} stars?",
            "I am looking for a hotel.",
            "A {stars} star hotel in {city}, please.",
            "Search hotels in {city}.",
            "Do you have hotels with {stars} stars?",
            "Look for a place to stay in {city}.",
            "List the hotels in {city} that have {stars} stars.",
        ),
        "test": (
            "Can you find a {stars} star hotel in {city}?",
            "I want to stay in {city} in a hotel with {stars} stars.",
        ),
    },
    "filter_hotels": {
        "train": (
            "Only hotels up to {max_price}, please.",
            "Which of the hotels are below {max_price}?",
            "Show me the hotels that cost at most {max_price}.",
            "My room may cost {max_price} a night.",
            "Are there cheaper hotels among them?",
            "Leave out the hotels above {max_price}.",
            "Which hotels stay under {max_price} euros?",
            "Filter the hotels by price.",
            "I only want to see hotels for {max_price} or less.",
            "Of those hotels, which are up to {max_price}?",
        ),
        "test": ("Please keep only the hotels under {max_price} euros.", "Which hotels are not more than {max_price}?"),
    },
    "book_hotel": {
        "train": (
            "Book {hotel} for {nights} nights.",
            "I take {hotel}, {nights} nights.",
            "We stay {nights} nights at {hotel}.",
            "Please book me a room at {hotel}.",
            "I want to book a hotel for {nights} nights.",
            "A room at {hotel}, please.",
            "Reserve {hotel} for {nights} nights.",
            "Could you book {hotel}?",
            "{nights} nights at {hotel}, please.",
            "We would like {hotel} for {nights} nights.",
            "I choose {hotel} for {nights} nights.",
        ),
        "test": ("I would like to book {hotel} for {nights} nights.", "Get me a room at {hotel} for {nights} nights."),
    },
    "cheapest_hotel": {
        "train": (
            "Tell me about the cheapest {stars} star hotel in {city}.",
            "Details of the cheapest hotel in {city}, please.",
            "What is the cheapest hotel with {stars} stars in {city} like?",
            "Describe the cheapest hotel in {city}.",
            "I want to know all about your cheapest {stars} star hotel in {city}.",
            "The cheapest hotel, please.",
            "Which hotel with {stars} stars is the cheapest in {city}? Tell me more.",
        ),
        "test": ("Please describe the cheapest {stars} star hotel in {city}.",),
    },
    "search_restaurants": {
        "train": (
            "Where can I eat {cuisine} in {city}?",
            "Find {cuisine} restaurants in {city}.",
            "I want {cuisine} food in {city}.",
            "Is there a {cuisine} restaurant in {city}?",
            "We are hungry, what is there in {city}?",
            "I need a restaurant.",
            "Show me restaurants in {city}.",
            "Somewhere {cuisine} in {city}, please.",
            "We feel like {cuisine} food.",
            "Which {cuisine} places are in {city}?",
            "Look for {cuisine} restaurants.",
            "A {cuisine} dinner in {city}?",
        ),
        "test": ("Can you find a {cuisine} place in {city}?", "I would like to eat {cuisine} in {city}."),
    },
    "book_table": {
        "train": (
            "Book a table at {restaurant} for {people} on {day}.",
            "A table for {people} at {restaurant} on {day}.",
            "We are {people}, can we come to {restaurant} on {day}?",
            "Reserve {restaurant} on {day} for {people} people.",
            "I need a table at {restaurant}.",
            "Please book {restaurant} for {day}.",
            "A table for {people}, please.",
            "Can we eat at {restaurant} on {day}?",
            "We would like a table at {restaurant} on {day} for {people}.",
            "Keep a table for {people} people at {restaurant} on {day}.",
            "Could you book a table?",
        ),
        "test": (
            "I would like a table at {restaurant} on {day} for {people} people.",
            "Get us a table at {restaurant} on {day}.",
        ),
    },
    "search_attractions": {
        "train": (
            "What is there to see in {city}?",
            "Is there a {kind} in {city}?",
            "Show me every {kind} in {city}.",
            "I want to visit a {kind}.",
            "Which {kind} could we visit in {city}?",
            "We have a free day in {city}.",
            "Find a {kind} in {city}.",
            "A {kind} in {city}, please.",
            "Tell me where a {kind} is in {city}.",
            "We would love to see a {kind} in {city}.",
            "What can I visit?",
        ),
        "test": ("Can you find a {kind} in {city}?", "I would like to see a {kind} in {city}."),
    },
}

ANSWERS: Wordings = {
    "origin": {"train": ("From {origin}.", "We start in {origin}.", "{origin}."), "test": ("I leave from {origin}.",)},
    "destination": {
        "train": ("To {destination}.", "We go to {destination}.", "{destination}."),
        "test": ("I want to get to {destination}.",),
    },
    "day": {"train": ("On {day}.", "{day}.", "{day} would suit us."), "test": ("I can travel on {day}.",)},
    "max_price": {
        "train": ("Up to {max_price}.", "{max_price} at most.", "My limit is {max_price}."),
        "test": ("At most {max_price} euros.",),
    },
    "flight": {
        "train": ("{flight}.", "I mean {flight}.", "The one called {flight}."),
        "test": ("I would take {flight}.",),
    },
    "confirmed": {"train": ("Yes.", "Yes, do it.", "Yes, I am sure."), "test": ("Yes, go ahead.",)},
    "booking": {
        "train": ("{booking}.", "It is {booking}.", "Number {booking}."),
        "test": ("I am asking about {booking}.",),
    },
    "city": {"train": ("In {city}.", "{city}.", "We will be in {city}."), "test": ("I am going to {city}.",)},
    "stars": {
        "train": ("{stars} stars.", "With {stars} stars.", "It should have {stars} stars."),
        "test": ("{stars} stars would be good.",),
    },
    "hotel": {"train": ("{hotel}.", "I mean {hotel}.", "The hotel {hotel}."), "test": ("I would choose {hotel}.",)},
    "nights": {
        "train": ("{nights} nights.", "For {nights} nights.", "We stay {nights} nights."),
        "test": ("It is for {nights} nights.",),
    },
    "cuisine": {
        "train": ("{cuisine}.", "Something {cuisine}.", "{cuisine} food."),
        "test": ("We like {cuisine} dishes.",),
    },
    "restaurant": {
        "train": ("{restaurant}.", "I mean {restaurant}.", "At {restaurant}."),
        "test": ("I am thinking of {restaurant}.",),
    },
    "people": {
        "train": ("{people}.", "We are {people}.", "For {people} people."),
        "test": ("{people} people, please.",),
    },
    "kind": {"train": ("A {kind}.", "We want a {kind}.", "{kind}."), "test": ("I would like to see a {kind}.",)},
}

CORRECTIONS: dict[str, tuple[str, ...]] = {
    "train": ("No, sorry.", "Sorry, I was wrong.", "Wait, no.", "That was a slip."),
    "test": ("Oh no, I meant something else.",),
}
"""What comes before a value that is said anew."""

QUESTIONS: dict[str, tuple[str, tuple[str, ...]]] = {
    "origin": ("Where do you start?", ("start",)),
    "destination": ("What is your destination?", ("destination",)),
    "day": ("Which day would you like?", ("day",)),
    "max_price": ("What is your maximum price?", ("price",)),
    "flight": ("Which flight would you like?", ("flight",)),
    "confirmed": ("Please confirm: shall I do this?", ("confirm",)),
    "booking": ("Which booking is it?", ("booking",)),
    "city": ("Which city is it?", ("city",)),
    "stars": ("How many stars should it have?", ("stars",)),
    "hotel": ("Which hotel would you like?", ("hotel",)),
    "nights": ("How many nights will you stay?", ("nights",)),
    "cuisine": ("Which cuisine would you like?", ("cuisine",)),
    "restaurant": ("Which restaurant would you like?", ("restaurant",)),
    "people": ("How many people are you?", ("people",)),
    "kind": ("What kind of sight?", ("kind",)),
}
"""By field: the right question and the word that it has to hold."""

RAMBLES = {
    "train": (
        "We have saved the whole year for this.",
        "My sister says it is lovely there at this time.",
        "It is our first long trip since the children were born.",
        "I hope that the weather holds.",
    ),
    "test": (
        "A friend of ours came back only last week and was full of praise.",
        "We almost did not go at all this year.",
    ),
}
POLITE = ("", "", "", "Hello. ", "Thanks. ", "Okay. ")
"""Openers, in both splits; half of the requests have none."""
