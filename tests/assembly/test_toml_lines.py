from mallku.assembly.toml_lines import line_at, lines_of

TEXT = '''# a comment with = and [brackets]
seed = 7
options = [
  "Yes",   # not [a] = table
  "No",
]
context = """
[not.a.table]
key = "not a key"
"""
path = 'C:\\no escape'

[[seats]]
name = "Ada"

[[seats]]
name = "Ben"
"role" = "x"

[plan]
name = "p"
rounds = [
  { kind = "opening", visibility = "sealed" },
  { kind = "critique",
    masked = true },
]

[plan.decision]
rule = "majority"
failure.attempts = 3
'''


def test_every_key_is_found_on_the_line_where_it_stands():
    lines = lines_of(TEXT)
    wanted = {
        ("seed",): "seed = 7",
        ("options", 1): '"No",',
        ("context",): 'context = """',
        ("path",): "path = 'C:",
        ("seats", 0, "name"): 'name = "Ada"',
        ("seats", 1): "[[seats]]",
        ("seats", 1, "role"): '"role" = "x"',
        ("plan", "rounds", 0, "visibility"): '{ kind = "opening"',
        ("plan", "rounds", 1, "masked"): "masked = true",
        ("plan", "decision", "rule"): 'rule = "majority"',
        ("plan", "decision", "failure", "attempts"): "failure.attempts = 3",
    }

    for place, beginning in wanted.items():
        assert TEXT.splitlines()[lines[place] - 1].strip().startswith(beginning), place
    assert lines["seats", 1] > lines["seats", 0, "name"]


def test_what_stands_inside_a_text_is_no_key():
    assert ("not", "a", "table") not in lines_of(TEXT)
    assert ("key",) not in lines_of(TEXT)


def test_a_missing_place_is_pointed_at_by_what_surrounds_it():
    lines = lines_of(TEXT)

    assert line_at(lines, ("seats", 1, "weight")) == lines["seats", 1]
    assert line_at(lines, ("nowhere",)) is None


def test_tables_below_an_array_belong_to_its_last_item():
    lines = lines_of("[[a]]\n[a.b]\nx = 1\n[[a]]\n[a.b]\nx = 2\n")

    assert lines["a", 0, "b", "x"] == 3
    assert lines["a", 1, "b", "x"] == 6
