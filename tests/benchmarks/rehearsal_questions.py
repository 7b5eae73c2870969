"""Twenty questions for the rehearsal model, with nouns, names and roles that its corpus does not have."""

FAMILIAR = [
    ("Should the village open the observatory to everyone?", "observatory"),
    ("Should we close the abattoir in winter?", "abattoir"),
    ("How should the town use the velodrome?", "velodrome"),
    ("Should our cooperative sell the glasshouse?", "glasshouse"),
    ("Who should decide about the allotments?", "allotment"),
    ("Should the school share the kayaks with the neighbours?", "kayak"),
    ("How much may the funicular cost?", "funicular"),
    ("Is it time to restore the gazebo?", "gazebo"),
    ("Should the council replace the hydrofoil with a bus?", "hydrofoil"),
    ("What rules does the crematorium need?", "crematorium"),
]
FREE = [
    ("Our amphitheatre floods each spring. Is rebuilding it worth the money?", "amphitheatre"),
    ("An app wants to log every pupil's snacks. Do we let it?", "snack"),
    ("Grandfather left us forty beehives; nobody here keeps bees. Ideas?", "beehive"),
    ("Cyclists and pedestrians fight over the towpath. How can both be served?", "towpath"),
    ("May a hospice use facial recognition at its doors?", "hospice"),
    ("We found asbestos under the gymnasium. What now?", "gymnasium"),
    ("Suppose the aquarium loses its licence: whom would that hurt most?", "aquarium"),
    ("Four brothers, one chalet, no will. How to split it?", "chalet"),
    ("Is a dress code for the ballroom old-fashioned or sensible?", "ballroom"),
    ("Should wolves be reintroduced near the sanatorium?", "sanatorium"),
]
SEATS = [
    [
        ("Ingeborg", "astronomer", "You care about access for all."),
        ("Thaddeus", "undertaker", ""),
        ("Priyanka", "accountant", "You look at costs."),
        ("Oluwaseun", "", ""),
    ],
    [
        ("Quetzalli", "glaciologist", ""),
        ("Borislav", "cellist", "You doubt what is new."),
        ("Maren", "ropemaker", "You ask who pays."),
        ("Dmitri", "", "You care about privacy."),
    ],
    [
        ("Philippa", "locksmith", ""),
        ("Nkechi", "barrister", "Be brief."),
        ("Svetlana", "florist", ""),
        ("Gwendolyn", "sommelier", "You look for risks."),
    ],
    [
        ("Mehmet", "orthodontist", "You care about the young."),
        ("Rosalind", "glazier", ""),
        ("Tjeerd", "", ""),
        ("Xochitl", "choreographer", "You build bridges."),
    ],
]
