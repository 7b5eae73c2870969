"""Words of the rehearsal corpus, and words made up in their likeness so that copying can never be learned by heart."""

import random
from collections import Counter
from typing import Final

NAMES: Final = tuple(
    "Ada Amir Anneke Aroha Baraka Beatriz Bo Brigid Camille Carlos Chidi Chloe Dagny Dario Deepa Diego Dora Edda Elena Emeka Enzo "
    "Esra Farid "
    "Fatou Finn Freya Gita Gonzalo Greta Hana Hasan Heidi Henrik Hugo Ida Ilse Imani Ines Ivan Jala Jarek Jing Jonas Juno Kaia "
    "Kamal Karin "
    "Kenji Kofi Kumari Lars Leila Lina Lucia Luka Magda Maja Malik Marta Mateo Mei Milan Mira Nadia Nia Niko Nils Noor Nuria "
    "Odile Olga Omar "
    "Oskar Paloma Pavel Petra Pia Priya Quinn Rafael Ravi Renata Rosa Ruth Sami Sana Selma Silas Sofia Stellan Sunita Tala Tariq "
    "Tess Thabo "
    "Theo Tilda Tomas Ulla Uma Vera Viktor Wanda Wei Willem Ximena Yara Yoko Yusuf Zainab Zoe Zuri Abel Agnes Bruno Clara David "
    "Emil Felix "
    "George Helen Iris Jacob Kate Laura Martin Nina Otto Paul Rita Simon Thomas Ursula Walter".split()
)
ROLES: Final = tuple(
    "baker|beekeeper|bookkeeper|bus driver|carpenter|cook|dairy farmer|dentist|designer|electrician|engineer|facilitator|ferry pilot|"
    "forester|"
    "gardener|grandmother|historian|judge|lawyer|librarian|locksmith|mayor|mechanic|medic|midwife|miller|musician|night nurse|"
    "notary|painter|pharmacist|plumber|potter|printer|programmer|retired teacher|sailor|secretary|shepherd|shopkeeper|skeptic|"
    "social worker|steward|student|surveyor|tailor|teacher|tenant|translator|treasurer|vet|volunteer|weaver|"
    "economist|ethicist|advocate|pragmatist|newcomer|parent|auditor|archivist|data clerk|security officer|youth worker|devil's advocate|"
    "critic|guardian of privacy|voice of the next generation|keeper of the accounts|community organiser|union delegate|planner|"
    "scientist".split("|")
)
NOUNS: Final = tuple(
    "archive arcade attic bakery band bank barn barrier basement bath battery beach bell bench bicycle boat boiler bridge "
    "broadcast bus cabin "
    "calendar camera canal canteen car cargo castle cellar chapel choir cinema clinic clock coach code college compost contract "
    "corridor cottage court "
    "courtyard crane crossing cupboard dam database depot desk diary directory dock dome door drone engine fair farm fence ferry "
    "festival field "
    "filter fire fishery forest forge fountain freezer fridge fund furnace gallery garage garden gate generator grant greenhouse "
    "hall hangar "
    "harbour harvest heater hedge herd hill hospital hostel hut inn island jetty kiln kiosk kitchen lake lamp lane laundry lawn "
    "ledger library lift "
    "lighthouse loan loft machine map market marsh meadow mill mine mirror mooring motor museum network newspaper nursery oak "
    "office orchard oven "
    "park parish path pavilion pension pier pipe planetarium plaza pond pool port post press printer pump quarry quay radio "
    "railway ramp register reservoir "
    "river road robot roof room route saw scanner school sensor server shed shelter ship shop signal silo siren skatepark slipway "
    "square stable stage stall "
    "station steeple stove studio switch swing table tank tavern telescope terrace theatre timetable toll tool tower tractor "
    "trail train tram "
    "tree trolley truck tunnel turbine vault vehicle village vineyard wagon wall ward warehouse warden watermill wharf wheel "
    "window winery wood workshop yard "
    "algorithm assistant chatbot forecast model translation transcript playlist tablet password wiki forum newsletter podcast".split()
)
"""Things a circle may argue about. Their compounds, and made-up words like them, are most of what the corpus argues about."""

MODIFIERS: Final = tuple(
    "old new common public village night winter summer water wind solar seed tool book music fish grain stone paper glass milk "
    "bread wool timber "
    "school church harbour hill river market town family guest repair reading heat power coal salt snow rain bird bee apple small "
    "second shared local mobile "
    "open hidden northern southern digital regional municipal abandoned floating restored painted medical historical agricultural".split()
)
PLURALS: Final = tuple(
    "bees boats books cameras carts chickens cars data deliveries dogs drones fees fireworks goats heat pumps horses keys "
    "lanterns letters lessons loans maps meals "
    "meetings microphones minutes night shifts old letters parcels parking places pesticides photographs plastic bags potatoes "
    "recipes records recordings repairs robots scooters "
    "seeds sheep signs smartphones solar panels street lamps surplus food tools toys trees uniforms vegetables visitors votes "
    "water rights wages".replace("heat pumps", "heat_pumps")
    .replace("night shifts", "night_shifts")
    .replace("old letters", "old_letters")
    .replace("parking places", "parking_places")
    .replace("plastic bags", "plastic_bags")
    .replace("solar panels", "solar_panels")
    .replace("street lamps", "street_lamps")
    .replace("surplus food", "surplus_food")
    .replace("water rights", "water_rights")
    .split()
)
IDEAS: Final = tuple(
    "privacy|collective benefit|trust|transparency|safety|silence|growth|tradition|fairness|free speech|efficiency|solidarity|autonomy|"
    "care|"
    "security|convenience|equality|speed|quality|local knowledge|expert advice|public health|personal freedom|shared ownership|"
    "innovation|"
    "nature|tourism|noise|work|rest|learning|play|memory|openness|accountability|individual privacy|common good|"
    "human oversight".split("|")
)
GROUPS: Final = tuple(
    "the village|the town|our cooperative|the council|the school|our choir|the parish|our street|the club|the hospital|the museum|"
    "the team|"
    "the company|our union|the library|the island|our neighbourhood|the association|the farm|our family|the department|the region|we|we|"
    "we|we|"
    "the housing block|the foundation|the university|the lab|the board|the theatre group|the network|the sailing club|our house|"
    "the city".split("|")
)
PEOPLE: Final = tuple(
    "the neighbours|the children|the members|the tenants|the older people|the young families|the staff|the visitors|the farmers|"
    "the night workers|"
    "those who live nearby|those who cannot pay|the newcomers|the volunteers|the people without a car|the shopkeepers|the pupils|"
    "the patients|the users|"
    "the people who clean up|our grandchildren|the commuters|those who were not asked|the owners".split("|")
)
TIMES: Final = tuple(
    "by the end of March|by June|within six weeks|before winter|after one season|by the spring meeting|in ninety days|by next Friday|"
    "within a month|"
    "before the summer|by October|in two weeks|after half a year|by the first of May|before the next budget|within ten days".split("|")
)
ADJECTIVES: Final = tuple(
    "old quiet yearly hidden small open broken early late unpaid public missing heavy daily plain fair cold narrow steady careful "
    "rising unequal simple "
    "lasting silent local shared empty second final slow".split()
)

_VOWELS: Final = "a e i o u a e i o a e ai ea ou ie io".split()
_ONSETS: Final = "b br c ch d dr f fl g gl gr h j k kl l m n p pl pr qu r s sh sk sl sp st t th tr v w y z".split()
_CODAS: Final = "- - - n r l s t m nd rt st ck ng x ft sk".split()


class Likeness:
    """Makes words like those of a list, letter by letter, from what follows every three letters in it."""

    def __init__(self, words: tuple[str, ...]) -> None:
        self._next: dict[str, Counter[str]] = {}
        for word in words:
            padded = f"^^^{word.lower()}$"
            for start in range(len(padded) - 3):
                for order in (2, 3):
                    key = padded[start + 3 - order : start + 3]
                    self._next.setdefault(key, Counter())[padded[start + 3]] += 1

    def word(self, rng: random.Random, *, shortest: int = 4, longest: int = 13) -> str:
        """Return one made-up word."""
        while True:
            word = "^^^"
            while word[-1] != "$" and len(word) < longest + 4:
                order = 3 if word[-3:] in self._next and rng.random() < 0.6 else 2
                follow = self._next.get(word[-order:])
                if follow is None:
                    break
                word += rng.choices(list(follow), weights=list(follow.values()))[0]
            if word[-1] == "$" and shortest <= len(word) - 4 <= longest:
                return word[3:-1]


def syllables(rng: random.Random, count: int) -> str:
    """Return a pronounceable word that is in no list."""
    parts = [rng.choice(_ONSETS) + rng.choice(_VOWELS) + rng.choice(_CODAS).replace("-", "") for _ in range(count)]
    return "".join(parts)[:14]


class Vocabulary:
    """Draws names, roles and things; most things and a good part of the names are made up."""

    def __init__(self) -> None:
        self._names = Likeness(NAMES)
        self._nouns = Likeness((*NOUNS, *(word for word in MODIFIERS if len(word) > 4)))
        self._roles = Likeness(tuple(role for role in ROLES if " " not in role))

    def made_up(self, rng: random.Random) -> str:
        """Return a made-up noun."""
        while True:
            word = self._nouns.word(rng) if rng.random() < 0.6 else syllables(rng, rng.choice((2, 2, 3, 3, 4)))
            if not word.endswith("s") or word.endswith("ss"):
                return word

    def name(self, rng: random.Random) -> str:
        """Return a seat's name."""
        draw = rng.random()
        if draw < 0.35:
            return rng.choice(NAMES)
        if draw < 0.75:
            return self._names.word(rng, shortest=3, longest=9).capitalize()
        if draw < 0.95:
            return syllables(rng, rng.choice((1, 2, 2, 3))).capitalize()[:10]
        if draw < 0.975:
            return f"{rng.choice(NAMES)} {syllables(rng, 2).capitalize()}"
        return f"{rng.choice(('Seat', 'Voice', 'Model', 'Ada'))} {rng.randint(1, 8)}"

    def names(self, rng: random.Random, count: int) -> list[str]:
        """Return different names."""
        chosen: list[str] = []
        while len(chosen) < count:
            name = self.name(rng)
            if name not in chosen:
                chosen.append(name)
        return chosen

    def role(self, rng: random.Random) -> str:
        """Return a role, without article."""
        draw = rng.random()
        if draw < 0.5:
            return rng.choice(ROLES)
        if draw < 0.7:
            return f"{rng.choice(NOUNS)} {rng.choice(('keeper', 'owner', 'builder', 'planner', 'warden', 'worker', 'expert', 'hand'))}"
        if draw < 0.85:
            return self._roles.word(rng, shortest=5)
        return syllables(rng, 2) + rng.choice(("er", "ist", "or", "smith", "keeper", "wright"))

    def thing(self, rng: random.Random) -> str:
        """Return a noun or a compound: known, joined or made up."""
        draw = rng.random()
        if draw < 0.15:
            return rng.choice(NOUNS)
        if draw < 0.33:
            return f"{rng.choice(MODIFIERS)} {rng.choice(NOUNS)}"
        if draw < 0.43:
            return f"{rng.choice(MODIFIERS)}{rng.choice(NOUNS)}"
        if draw < 0.65:
            return self.made_up(rng)
        if draw < 0.83:
            return f"{rng.choice(MODIFIERS)} {self.made_up(rng)}"
        if draw < 0.93:
            return f"{self.made_up(rng)} {rng.choice(NOUNS)}"
        return f"{rng.choice(NOUNS)} {rng.choice(NOUNS)}"

    def things(self, rng: random.Random) -> str:
        """Return things in the plural."""
        draw = rng.random()
        if draw < 0.4:
            return rng.choice(PLURALS).replace("_", " ")
        word = self.thing(rng)
        return word + ("es" if word.endswith(("s", "x", "ch", "sh", "z")) else "s")


def with_article(noun: str) -> str:
    """Return the noun with `a` or `an`."""
    return f"{'an' if noun[:1].lower() in 'aeiou' else 'a'} {noun}"
