"""The words of the traveller's world: cities by split, airlines, cuisines, sights. Prices in euros, days in words."""

CITIES = {
    "train": (
        "Rome", "Madrid", "Vienna", "Athens", "Dublin", "Prague", "Lyon", "Porto", "Turin", "Seville", "Bergen",
        "Malmo", "Krakow", "Gdansk", "Antwerp", "Basel", "Salzburg", "Cork", "Nantes", "Split",
    ),
    "test": ("Lisbon", "Oslo", "Naples", "Geneva", "Riga", "Bruges"),
}  # fmt: skip
HOTELS = {
    "train": ("Royal", "Central", "Garden", "Bellevue", "Astoria", "Continental", "Riverside", "Savoy"),
    "test": ("Panorama", "Excelsior", "Harbour"),
}
RESTAURANTS = {
    "train": ("Olive", "Saffron", "Basil", "Ginger", "Juniper", "Pepper", "Thyme", "Fennel"),
    "test": ("Rosemary", "Cumin", "Sage"),
}
SIGHTS = {
    "train": ("Old Bridge", "Silk Gallery", "Rose Park", "Clock Tower", "Sea Museum", "Town Castle"),
    "test": ("Stone Gate", "Glass House", "Lion Fountain"),
}
CUISINES = ("italian", "indian", "french", "greek", "thai", "mexican")
KINDS = ("museum", "park", "castle", "gallery", "market")
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
STARS = (2, 3, 4, 5)
