import pytest

from mallku.assembly.config import circle_schema, parse_circle, read_circle_file
from mallku.errors import ConfigurationError

SEAT = '[[seats]]\nname = "Ada"\n'


def fault(text):
    with pytest.raises(ConfigurationError) as caught:
        parse_circle(text)
    return caught.value


def test_a_whole_file_is_read():
    circle = parse_circle(
        'model = "tiny"\nseed = 3\n[[seats]]\nname = "Ada"\nweight = 2\ntemperature = 0.2\n'
        '[plan]\nname = "mine"\n[[plan.rounds]]\nkind = "opening"\nvisibility = "sealed"\n[plan.decision]\nrule = "schulze"\n'
    )

    assert circle.seats[0].weight == 2.0
    assert circle.plan.rounds[0].visibility == "sealed"
    assert circle.plan.decision.rule == "schulze"


@pytest.mark.parametrize(
    ("text", "line", "meant"),
    [
        (f"{SEAT}tempratur = 0.7\n", 3, "Did you mean `temperature`?"),
        (f"sede = 1\n{SEAT}", 1, "Did you mean `seed`?"),
        ('[plan]\n[[plan.rounds]]\nkind = "opening"\nvisibilty = "all"\n', 4, "Did you mean `visibility`?"),
        ('[plan]\nrounds = [\n{ kind = "opening" },\n{ kind = "critique", maskd = true },\n]\n', 4, "Did you mean `masked`?"),
        ('[plan]\n[[plan.rounds]]\nkind = "opening"\n[plan.decision]\nrul = "majority"\n', 5, "Did you mean `rule`?"),
        ('[plan]\n[[plan.rounds]]\nkind = "oppening"\n', 3, "Did you mean 'opening'?"),
        ('[plan]\n[[plan.rounds]]\nkind = "opening"\norder = "round-robbin"\n', 4, "Did you mean 'round-robin'?"),
        ('[plan]\nendings = [\n"agreement",\n"stabilty",\n]\n[[plan.rounds]]\nkind = "opening"\n', 4, "Did you mean 'stability'?"),
        ('[plan]\n[[plan.rounds]]\nkind = "opening"\n[plan.decision]\nrule = "mayority"\n', 5, "Did you mean 'majority'?"),
    ],
)
def test_a_mistyped_word_is_named_with_its_line_and_what_was_meant(text, line, meant):
    error = fault(text)

    assert f"circle.toml, line {line}:" in error.message
    assert error.hint.startswith(meant) or meant in error.hint


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        (f"{SEAT}weight = -1\n", 3, "`seats[1].weight` is -1"),
        (f'{SEAT}temperature = "warm"\n', 3, "is 'warm'"),
        ("seed = 1\n\n[[seats]]\nrole = 'x'\n", 3, "lacks `name`"),
        (f"{SEAT}{SEAT}", 4, "already a seat 'Ada'"),
        (f'template = "council"\n{SEAT}[plan]\n[[plan.rounds]]\nkind = "opening"\n', 1, "both a `template` and a `[plan]`"),
        ('[plan]\n[[plan.rounds]]\nkind = "opening"\n[plan.failure]\nattempts = 0\n', 1, "`attempts` is 0"),
        (f'{SEAT}[plan]\n[[plan.rounds]]\nkind = "opening"\n[plan.decision]\nrule = "judge(Zoe)"\n', 3, "'Zoe', who has no seat"),
        ("seed = = 3\n", None, "is not TOML"),
    ],
)
def test_a_wrong_value_is_named_with_its_line(text, line, words):
    error = fault(text)

    assert words in error.message
    assert error.hint
    if line:
        assert f"line {line}:" in error.message


def test_the_first_of_several_faults_is_shown_and_the_others_are_counted():
    error = fault(f"{SEAT}colour = 1\nshape = 2\nsize = 3\n")

    assert "line 3" in error.message
    assert "2 more such faults" in error.message


def test_a_missing_file_says_how_to_write_one(tmp_path):
    with pytest.raises(ConfigurationError, match="mallku init"):
        read_circle_file(tmp_path / "none.toml")


def test_a_file_that_is_no_text_is_refused(tmp_path):
    path = tmp_path / "circle.toml"
    path.write_bytes(b"\xff\xfe\x00")

    with pytest.raises(ConfigurationError, match="cannot be read"):
        read_circle_file(path)


def test_the_schema_describes_every_setting():
    schema = circle_schema()
    tables = [schema, *schema["$defs"].values()]
    undescribed = [
        f"{table.get('title')}.{name}"
        for table in tables
        for name, entry in table.get("properties", {}).items()
        if "description" not in entry and "$ref" not in entry
    ]

    assert len(tables) >= 5
    assert undescribed == []
    assert all(table["additionalProperties"] is False for table in tables)


def test_a_key_cannot_be_written_into_the_file():
    assert "api_key" in fault(f'{SEAT}api_key = "secret-word"\n').message
    assert "secret-word" not in str(fault(f'{SEAT}api_key = "secret-word"\n'))
