"""The words of the dealer's world: models by split, bodies, days, jobs. Times are 24-hour, prices in euros."""

MODELS = {
    "train": (
        "Ford Puma", "Ford Focus", "Toyota Yaris", "Toyota Corolla", "Renault Clio", "Renault Captur", "Fiat Panda",
        "Skoda Octavia", "Skoda Fabia", "Opel Corsa", "Seat Leon", "Kia Ceed", "Nissan Juke", "Peugeot 208",
        "Mazda Demio", "Hyundai Kona", "Volkswagen Golf", "Volkswagen Polo", "Audi Quattro", "Alfa Giulia",
        "Mini Cooper", "Jeep Renegade", "Lancia Delta", "Subaru Forester", "Mitsubishi Colt", "Chevrolet Spark",
        "Tesla Roadster", "Cupra Born", "Smart Forfour", "Lada Niva", "Rover Metro", "Porsche Macan",
        "Daihatsu Terios", "Daihatsu Sirion", "Datsun Bluebird", "Daewoo Matiz", "Daewoo Lanos", "Dodge Durango",
        "Chrysler Voyager", "Buick Regal", "Cadillac Escalade", "Lincoln Navigator", "Pontiac Vibe", "Isuzu Trooper",
        "Lotus Elise", "Maserati Ghibli", "Bentley Bentayga", "Hyundai Tucson", "Kia Sorento", "Kia Picanto",
        "Nissan Micra", "Nissan Qashqai", "Mazda Premacy", "Fiat Tipo", "Fiat Doblo", "Seat Ibiza", "Seat Arona",
        "Skoda Kodiaq", "Opel Astra", "Opel Zafira", "Ford Fiesta", "Ford Mondeo", "Ford Ranger", "Renault Megane",
        "Renault Kangoo", "Toyota Avensis", "Toyota Hilux", "Volkswagen Passat", "Volkswagen Touran",
        "Lancia Ypsilon", "Subaru Impreza", "Mitsubishi Pajero", "Mitsubishi Outlander", "Chevrolet Malibu",
        "Chevrolet Tahoe", "Jeep Cherokee", "Jeep Wrangler",
        # Both words begin with the same token, so that who copies the first one may go on with the second.
        "Vauxhall Viva", "Vauxhall Vectra", "Fiat Fiorino", "Chevrolet Chevette", "Dodge Dyna", "Seat Sevilla",
    ),
    "test": ("Volvo Amazon", "Honda Jazz", "Honda Civic", "Citroen Ami", "Dacia Duster", "Suzuki Swift"),
}  # fmt: skip
BODIES = ("suv", "sedan", "hatchback", "van", "pickup", "coupe")
COLOURS = ("red", "blue", "black", "white", "grey", "green")
FUELS = ("petrol", "diesel", "hybrid", "electric")
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
TIMES = ("09:00", "11:00", "14:00", "16:00")
LATE = ("18:00", "19:00", "20:00", "21:00")
SERVICES = {
    "oil change": 90, "tyre change": 60, "brake check": 45, "inspection": 150, "engine repair": 900,
    "battery check": 180,
}  # fmt: skip
SMALL_JOBS = ("oil change", "tyre change")
DEPARTMENTS = {"sales": ("09:00", "18:00"), "service": ("07:00", "17:00"), "finance": ("10:00", "16:00")}
