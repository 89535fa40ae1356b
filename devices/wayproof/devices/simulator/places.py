"""Cities that the fleet serves, and the lanes between them that a lorry drives over land within one day."""

from typing import Final, NamedTuple


class City(NamedTuple):
    """One city, with the one site that the fleet serves there."""

    name: str
    latitude_deg: float
    longitude_deg: float
    altitude_m: float
    #: The site's operator: consignor of what leaves it, consignee of what comes.
    company: str
    #: Kind of the site, as in table `site`.
    kind: str


CITIES: Final[dict[str, City]] = {
    city.name: city
    for city in (
        City("Rotterdam", 51.9225, 4.4792, 2, "Maasmond Cold Stores", "port"),
        City("Antwerp", 51.2194, 4.4025, 8, "Scheldt Pharma Hub", "port"),
        City("Lille", 50.6292, 3.0573, 25, "Flandre Primeurs", "supplier"),
        City("Paris", 48.8566, 2.3522, 40, "Marché Central Logistique", "warehouse"),
        City("Lyon", 45.7640, 4.8357, 175, "Rhône Biologics", "plant"),
        City("Bordeaux", 44.8378, -0.5792, 12, "Caves de la Garonne", "supplier"),
        City("Toulouse", 43.6047, 1.4442, 145, "Occitane Frais", "customer"),
        City("Barcelona", 41.3874, 2.1686, 15, "Mercat Litoral", "port"),
        City("Zaragoza", 41.6488, -0.8891, 210, "Ebro Distribución", "hub"),
        City("Madrid", 40.4168, -3.7038, 650, "Castilla Farma", "customer"),
        City("Cologne", 50.9375, 6.9603, 50, "Rheinland Frischedienst", "warehouse"),
        City("Hanover", 52.3759, 9.7320, 55, "Leine Handelskontor", "hub"),
        City("Hamburg", 53.5511, 9.9937, 8, "Elbtor Seafood", "port"),
        City("Berlin", 52.5200, 13.4050, 35, "Spree Klinikversorgung", "customer"),
        City("Leipzig", 51.3397, 12.3731, 115, "Pleiße Pharma", "plant"),
        City("Frankfurt", 50.1109, 8.6821, 110, "Mainhub Logistics", "hub"),
        City("Stuttgart", 48.7758, 9.1829, 245, "Neckar Feinkost", "store"),
        City("Munich", 48.1351, 11.5820, 520, "Isar Molkerei", "plant"),
        City("Basel", 47.5596, 7.5886, 260, "Rheinknie Vaccines", "plant"),
        City("Milan", 45.4642, 9.1900, 120, "Lombarda Gelati", "plant"),
        City("Prague", 50.0755, 14.4378, 200, "Vltava Potraviny", "store"),
        City("Vienna", 48.2082, 16.3738, 170, "Donau Apotheken", "customer"),
        City("Budapest", 47.4979, 19.0402, 105, "Duna Gyümölcs", "supplier"),
        City("Kraków", 50.0647, 19.9450, 220, "Wawel Mrożonki", "plant"),
        City("Wrocław", 51.1079, 17.0385, 120, "Odra Magazyny", "warehouse"),
        City("Warsaw", 52.2297, 21.0122, 110, "Mazowsze Rynek", "store"),
    )
}

_LANES: Final = (
    *(("Rotterdam", "Cologne"), ("Rotterdam", "Hanover"), ("Antwerp", "Cologne"), ("Antwerp", "Paris")),
    *(("Antwerp", "Frankfurt"), ("Lille", "Paris"), ("Lille", "Cologne"), ("Paris", "Lyon"), ("Paris", "Bordeaux")),
    *(("Paris", "Basel"), ("Bordeaux", "Toulouse"), ("Toulouse", "Lyon"), ("Toulouse", "Barcelona")),
    *(("Barcelona", "Zaragoza"), ("Zaragoza", "Madrid"), ("Lyon", "Basel"), ("Lyon", "Milan")),
    *(("Cologne", "Frankfurt"), ("Cologne", "Hanover"), ("Cologne", "Hamburg"), ("Hanover", "Berlin")),
    *(("Hamburg", "Berlin"), ("Berlin", "Leipzig"), ("Berlin", "Wrocław"), ("Berlin", "Warsaw")),
    *(("Leipzig", "Frankfurt"), ("Leipzig", "Prague"), ("Frankfurt", "Stuttgart"), ("Frankfurt", "Munich")),
    *(("Stuttgart", "Munich"), ("Stuttgart", "Basel"), ("Basel", "Milan"), ("Munich", "Milan")),
    *(("Munich", "Vienna"), ("Munich", "Prague"), ("Prague", "Wrocław"), ("Prague", "Vienna")),
    *(("Vienna", "Budapest"), ("Vienna", "Kraków"), ("Budapest", "Kraków"), ("Kraków", "Warsaw")),
    *(("Wrocław", "Warsaw"), ("Wrocław", "Kraków")),
)


def _neighbours() -> dict[str, tuple[City, ...]]:
    both_ways = [*_LANES, *((there, here) for here, there in _LANES)]
    return {name: tuple(CITIES[there] for here, there in both_ways if here == name) for name in CITIES}


NEIGHBOURS: Final = _neighbours()
"""Where a lorry may go next, by the name of the city that it stands in."""

CARRIERS: Final = ("Transalp Kühlspedition", "Blauwe Lijn Transport", "Cargo Levante")
