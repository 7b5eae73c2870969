"""What people in a circle care about: for each theme, the words of a view, of a doubt, of a condition and of a deed."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Theme:
    """One concern. `{t}` stands for the thing in question, `{p}` for people, `{w}` for a time."""

    care: tuple[str, ...]
    """What a persona is told to care about."""
    points: tuple[str, ...]
    """Noun phrases by which others refer to the point."""
    pro: tuple[str, ...]
    """Sentences for the plan."""
    con: tuple[str, ...]
    """Sentences against it."""
    terms: tuple[str, ...]
    """Clauses after `if` or `provided that`."""
    deeds: tuple[str, ...]
    """Verb phrases after `let us`."""
    asks: tuple[str, ...]
    """Questions that stay open."""


def _theme(*texts: str) -> Theme:
    care, points, pro, con, terms, deeds, asks = texts

    def split(text: str) -> tuple[str, ...]:
        return tuple(part.strip() for part in text.split("|"))

    return Theme(
        care=split(care), points=split(points), pro=split(pro), con=split(con), terms=split(terms), deeds=split(deeds), asks=split(asks)
    )


THEMES: Final = (
    _theme(
        "who decides|that the people concerned decide|power and who holds it",
        "who decides|the right to decide|the question of power",
        "Those who use {t} would at last decide about it|It gives {p} a vote they never had|A decision made by many is kept by many",
        "Two or three people would decide for all of us|{P} would have no voice in it|Nobody asked {p}, and that is reason enough to wait",
        "{p} have a vote on it|every change is put to a vote first|no single person can decide alone",
        "give {p} a seat on the council for {t}|put every change of {t} to a vote|choose by lot who decides about {t} each year",
        "who has the last word when opinions differ|can {p} overrule the council",
    ),
    _theme(
        "privacy and data|what is recorded about people|personal data",
        "what is recorded about people|the personal data|the right not to be watched",
        "{T} can work without storing a single name|We can keep the data here, on our own machine|Less is recorded about {p} than today",
        "Too much about {p} would be stored for too long|Data that is collected will be used for something else one day|"
        "{P} did not agree to be watched",
        "no personal data leaves the building|records are deleted after thirty days|{p} agree in writing first",
        "delete all records of {t} after thirty days|keep the data about {p} on our own machine|"
        "write down which data {t} needs, and keep no more",
        "who can read the records|how long are the data kept",
    ),
    _theme(
        "costs and who bears them|money|the yearly accounts",
        "the running costs|the price for those who pay|the yearly bill",
        "{T} pays for itself in a few years|The cost is small beside what we lose today|Shared between all of us, the price is modest",
        "The first price is only the beginning, then comes the upkeep|We would spend money on {t} that we need elsewhere|"
        "{P} would pay for something they hardly use",
        "the accounts are open to everyone|the cost stays below what we pay now|nobody pays more than they can",
        "publish the accounts of {t} every quarter|set a limit on what {t} may cost|pay for {t} by income, not by head",
        "who pays when something breaks|what does it cost in the tenth year",
    ),
    _theme(
        "energy and nature|the climate|what is used up",
        "the energy it uses|the water and the soil|the burden on nature",
        "It saves energy every single day|What we reuse we need not buy again|Nature recovers where we use less",
        "{T} would eat more energy than it saves|The land needs years to recover from such a step|Nobody has measured the energy it takes",
        "the energy it uses is measured and made public|it runs on power from our own roofs|the river is left alone",
        "measure the energy of {t} for one year|run {t} only when the sun gives power|plant as much as we take for {t}",
        "how much energy does it use in a night|what happens to the waste",
    ),
    _theme(
        "consent|that nobody is forced|voluntary participation",
        "the consent of those concerned|the freedom to say no|a clear yes from each",
        "Everyone who takes part has said yes freely|It asks before it acts, and I respect that|Nobody is pushed into anything",
        "Silence is not consent, and so far we only have silence|{P} cannot refuse without a loss|A yes under pressure is worth nothing",
        "everyone may say no without giving a reason|we ask {p} one by one|consent can be taken back at any time",
        "ask {p} one by one before we touch {t}|let everyone step out of {t} without a reason|renew the consent to {t} each spring",
        "what happens to those who refuse|did anyone say yes freely",
    ),
    _theme(
        "trust between people|trust|how we treat each other",
        "the trust between us|our word to each other|the trust that was lost",
        "Trust grows when we do something together|{T} is a good place to learn to trust each other again|"
        "People keep what they helped to build",
        "Trust was broken once, and {t} would strain it again|People will stop talking openly near {t}|A rule without trust is only paper",
        "we talk to each other before there is trouble|promises of last year are kept first|mistakes are told openly",
        "meet every month and speak openly about {t}|keep the promises of last year before we begin with {t}|"
        "name two people whom everyone trusts",
        "why should {p} trust us this time|what was promised before",
    ),
    _theme(
        "a way back|reversible steps|caution",
        "a way back|the chance to stop|the risk of no return",
        "We can stop at any time and lose little|It is a small step and it can be undone|A trial tells us more than a year of talk",
        "Once {t} is changed, nobody changes it back|There is no way back, and nobody says so|"
        "A step that cannot be undone needs more than one evening",
        "we can turn back after the trial|the old way stays possible for a year|it starts small and ends by itself unless we renew it",
        "try {t} for one season and then vote again|set an end date for {t}|begin with a third of {t} and look at the result",
        "how do we stop if it fails|what would tell us that it failed",
    ),
    _theme(
        "sharing and fairness|those who have less|equal access",
        "a fair share for all|equal access|those who have less",
        "{T} would be there for {p} too|What one has alone, many can use in turn|It is fair that those who have more give more",
        "The ones who live near {t} would have it all|{P} would be left out again|A fair rule is missing, and the strong will use it first",
        "{p} come first|the places are shared out by lot|nobody is turned away for lack of money",
        "share out {t} by lot each month|keep every third place for {p}|lend {t} for free to {p}",
        "who gets it when two want it at once|how do {p} get there",
    ),
    _theme(
        "those who do the work|volunteers and their time|workload",
        "the time of the volunteers|the work behind it|the hours nobody counts",
        "Many hands are ready to help with {t}|The work is light when it is shared|{P} have offered their time",
        "The same few people would do all the work again|Nobody has counted the hours that {t} takes|"
        "Volunteers tire, and then {t} stands empty",
        "the work is shared by a list|the hours are counted and thanked|at least ten people sign up",
        "make a list of who looks after {t} each week|pay a small wage for the care of {t}|find ten people for {t} before we begin",
        "who does the work in August|how many hours does it take",
    ),
    _theme(
        "safety|children and their safety|accidents",
        "the safety of the children|the danger at night|the risk of an accident",
        "{T} would be safer than what we have now|With light and a second pair of eyes it is safe|"
        "We know the dangers and can guard against them",
        "One accident would be one too many|{T} is not safe after dark|Nobody has checked {t} for years",
        "it is checked twice a year|someone is there when it is open|{p} are trained first",
        "have {t} checked twice a year|close {t} after dark|train two people for emergencies at {t}",
        "who is liable when someone is hurt|is it safe in the dark",
    ),
    _theme(
        "quiet and rest|neighbours|noise",
        "the noise at night|the need for quiet|the sleep of the neighbours",
        "The noise is less than that of the road|A little noise is the sound of a living place|With fixed hours {p} keep their rest",
        "{P} need their sleep, and {t} would take it|Noise every evening wears people down|Quiet is the last thing we still share",
        "it is quiet after nine|{p} can call one number and be heard|there are fixed hours",
        "fix the hours of {t} from nine to seven|put a wall of trees around {t}|measure the noise of {t} for four weeks",
        "how loud is it after nine|who hears the complaints",
    ),
    _theme(
        "the young and the future|the next generation|learning",
        "the future of the young|what the children learn|the next generation",
        "The young would learn at {t} what no book teaches|It gives young people a reason to stay|Our children will thank us for it",
        "The young pay later for what we enjoy now|We decide for children who cannot vote yet|{T} teaches the young the wrong thing",
        "the young help to plan it|school classes can use it for free|we think twenty years ahead",
        "let the pupils plan a part of {t}|teach one class at {t} each month|ask the young first what they need from {t}",
        "what do the young say|who will care for it in twenty years",
    ),
    _theme(
        "memory and tradition|what was here before|heritage",
        "the memory of the place|what was here before|the old custom",
        "{T} has served us for three generations|It keeps the memory of the place alive|Old customs change, and this change fits",
        "Something old would be lost for something quick|The old custom worked, and nobody says why it must go|"
        "{T} carries a memory that money cannot replace",
        "the old part is kept|the stories of {p} are written down|the name stays",
        "keep the oldest part of {t} as it is|write down what {p} remember about {t}|hold the yearly feast at {t} as before",
        "what would be lost for good|who remembers how it began",
    ),
    _theme(
        "upkeep and repair|things that last|maintenance",
        "the upkeep|the repairs of the coming years|what breaks first",
        "{T} can be repaired with simple tools|Good care makes {t} last for decades|We have the skills to keep {t} running",
        "Everyone likes to build, and nobody likes to repair|{T} will stand broken after two winters|"
        "The spare parts for {t} are hard to get",
        "there is a plan for the repairs|spare parts are bought now|one person is named who looks after it",
        "save a tenth each year for repairs of {t}|name one person who looks after {t}|hold a repair day for {t} each month",
        "who repairs it on a Sunday|where do the spare parts come from",
    ),
    _theme(
        "open books|transparency|that reasons are told",
        "open books|the missing figures|the reasons that were not told",
        "Everything about {t} lies open, so anyone can check it|Open figures end the rumours|We can all see where {t} stands",
        "We are asked to agree to {t} without the figures|The reasons were given behind closed doors|"
        "What is hidden now will surprise us later",
        "the figures are on the table first|the minutes are open to all|every decision comes with its reason",
        "publish the figures about {t} before the vote|hang up the minutes where {p} can read them|"
        "explain each decision about {t} in one page",
        "where are the figures|why was this not told before",
    ),
    _theme(
        "independence|not to depend on one supplier|self-reliance",
        "the dependence on one supplier|our own hands|the contract that binds us",
        "{T} would be in our own hands|We would depend less on people far away|What we run ourselves we can also change ourselves",
        "One company would hold {t} and us with it|We could not leave the contract for years|If the supplier goes, {t} goes too",
        "we can leave at any time with all our data|a second supplier is found|the contract ends after one year",
        "keep {t} in our own hands|ask for a contract about {t} that ends each year|learn to run {t} ourselves",
        "how do we get out of the contract|who owns it in the end",
    ),
    _theme(
        "access|old and disabled people|barriers",
        "the steps at the entrance|access without barriers|those who walk slowly",
        "{P} could reach {t} without help|A ramp costs little and opens much|It is made for those who walk slowly too",
        "{P} cannot even get to {t}|There is no seat, no light and no ramp|Those who do not use a phone would be shut out",
        "there is a way in without steps|it also works without a phone|{p} test it first",
        "build a ramp before anything else|let {p} test {t} for a week|keep a way to use {t} without a phone",
        "can someone in a wheelchair use it|what about people without a phone",
    ),
    _theme(
        "responsibility|who answers for mistakes|accountability",
        "who answers for mistakes|the missing responsibility|a name to turn to",
        "There is a name to turn to when {t} goes wrong|Clear duties make {t} work|We would know whom to ask",
        "Nobody answers for it when {t} goes wrong|Shared by all can mean cared for by none|An apology does not replace a duty",
        "one person answers for it|mistakes are reported within a week|there is a place for complaints",
        "name one person who answers for {t}|report mistakes of {t} within a week|open a place for complaints about {t}",
        "who answers when it goes wrong|whom do {p} call",
    ),
    _theme(
        "facts and evidence|what we really know|sound reasons",
        "what we really know|the missing evidence|the numbers from elsewhere",
        "The towns that tried it report good results|We counted for a month, and the numbers are clear|"
        "The evidence is better than I thought",
        "We guess where we could count|One good story is no evidence|The numbers from elsewhere do not fit our place",
        "we count before and after|someone from outside looks at the numbers|we visit a place that has tried it",
        "count for one month how {p} use {t}|visit a place that has tried it|let someone from outside judge the result of {t}",
        "what do we know and what do we guess|has anyone counted",
    ),
    _theme(
        "the local economy|jobs and shops|livelihoods",
        "the jobs that depend on it|the small shops|the income of the families",
        "{T} brings work to people who live here|The small shops live from such visitors|Money spent here stays here",
        "Jobs would move away with {t}|The small shops would close one by one|A few earn well, and {p} lose their income",
        "local people get the work|nobody loses a job over it|the small shops have a say",
        "give the work at {t} to people from here|help {p} through the first year|buy what {t} needs in the village",
        "which jobs are lost|who earns from it",
    ),
    _theme(
        "simplicity|enough is enough|modesty",
        "the simple way|how much is enough|the love of big plans",
        "It is simple, and simple things last|{T} does one thing and does it well|A plain solution leaves us time for each other",
        "We make it bigger than it needs to be|A simpler way is at hand, and it costs nothing|Three rules are kept, thirty are forgotten",
        "the rules fit on one page|we begin with what we have|it stays small",
        "write the rules of {t} on one page|begin with what we have|leave out of {t} what nobody asked for",
        "what can we leave out|is there a simpler way",
    ),
    _theme(
        "health|people who are ill or tired|wellbeing",
        "the health of the people|the air we breathe|the strain on the staff",
        "People who meet at {t} stay well longer|Fresh air and company are good medicine|It takes a burden from {p}",
        "{P} are tired, and {t} adds to it|Bad air harms the weakest first|Nobody asked the nurse what it does to people",
        "nobody works longer for it|the air is measured|{p} get a day of rest",
        "ask the nurse before we change {t}|give {p} one day of rest from {t}|measure the air around {t}",
        "who falls ill from it|what does the doctor say",
    ),
    _theme(
        "human judgement|machines and who checks them|care with automation",
        "human judgement|the decision of a machine|a person who checks",
        "A machine may help as long as a person decides|{T} takes over dull work and leaves the judgement to us|"
        "With a person who checks, mistakes are found early",
        "A machine cannot be asked why it decided so|{P} have the right to be heard by a person|We would forget how to do it without {t}",
        "a person checks every decision|{p} can always speak to a person|it explains its reasons",
        "let a person check every decision of {t}|keep one day a week without {t}|write down what {t} may never decide",
        "who corrects the machine|can we still do it by hand",
    ),
    _theme(
        "peace between groups|those who disagree|listening",
        "the quarrel of last year|those who disagree|the other side",
        "It brings people to one table who avoid each other|{T} belongs to both sides, and both gain|An old quarrel could end here",
        "It would split the place in two|Those who disagree were not invited|We talk about {p} and not with them",
        "both sides sign it|{p} are heard first|a neutral person leads the talks",
        "hear {p} before we decide on {t}|let both sides draft the rules of {t} together|ask a neutral person to lead the talks about {t}",
        "what do those say who are against it|who speaks for {p}",
    ),
)
