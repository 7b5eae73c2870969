"""Pages of minutes: whatever was said cannot become structure, and every link leads somewhere."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from mallku.events.kinds import BallotCast, DeliberationConvened, DissentRecorded, StatementMade, TurnFailed
from mallku.firecircle.minutes import take_minutes, to_html, to_json, to_markdown
from mallku.firecircle.minutes.blocks import anchors, lines_of, visible

HOSTILE = [
    "# A heading",
    "A heading\n===",
    "Another\n---",
    "- item\n* item\n+ item\n1. item\n2) item",
    "> quoted > deeper",
    "```\ncode\n```\n~~~\ncode\n~~~",
    "    indented code",
    "first\n\n    indented code after a blank line\n\n\n\tand a tab",
    "[link](https://evil.example) ![image](https://evil.example/x.png) <https://evil.example> https://evil.example www.evil.example",
    "[ref]: https://evil.example 'title'\n[ref]",
    "a | b | c\n--- | --- | ---\n1 | 2 | 3",
    "| a |\n|---|\n| b |",
    "a\n:--",
    "**bold** _em_ ~~gone~~ `code` $math$ $$x$$",
    "<script>alert(1)</script><img src=x onerror=alert(1)><!-- comment --></blockquote></main>",
    "&lt;b&gt; &amp; &#60;i&#62;",
    '<a id="turn-r0-ada"></a>',
    "ends with a backslash\\",
    "ends\\\nwith\\\n\nbackslashes\\",
    "line\u2028separator\u2029paragraph\u0085next\x0bvertical\x0cform\rreturn\r\nboth",
    "turns \u202ethe reading\u202c direction \u2066isolate\u2069 \x00\x1b[31m",
    "* * *\n_ _ _\n- - -",
    "",
    "   ",
    "</style></title></html>",
]
ANY_TEXT = st.one_of(st.sampled_from(HOSTILE), st.text(max_size=60), st.text(alphabet="#*_`~|<>[]()!\\-=+:. \n\t123ab&;\"'$", max_size=40))


def with_texts(events, text):
    """Put a text wherever somebody else's words stand."""
    changed = []
    for event in events:
        match event:
            case DeliberationConvened():
                options = tuple(replace(option, text=text) for option in event.options)
                seats = tuple(replace(seat, role=text, model=text, address=text, server=text) for seat in event.seats)
                event = replace(event, question=text, context=text, options=options, seats=seats)  # noqa: PLW2901
            case StatementMade():
                event = replace(event, text=text, notes=(text,), model=text)  # noqa: PLW2901
            case BallotCast():
                event = replace(event, ballot=replace(event.ballot, reason=text))  # noqa: PLW2901
            case DissentRecorded():
                event = replace(event, text=text)  # noqa: PLW2901
            case TurnFailed():
                event = replace(event, message=text, partial_text=text)  # noqa: PLW2901
        changed.append(event)
    return changed


def shape(markdown):
    """Return the structure of a page, as a Markdown reader sees it, without its words."""
    reader = MarkdownIt("gfm-like", {"linkify": False, "html": True}).disable("linkify")
    tokens = []
    for token in reader.parse(markdown):
        tokens.append(token.type)
        inner = [child for child in token.children or [] if child.type not in {"text", "softbreak", "hardbreak", "text_special"}]
        tokens += [f"{child.type} {child.content if child.type == 'html_inline' else ''}" for child in inner]
    return tokens


ALLOWED = re.compile(
    r"(heading|paragraph|blockquote|bullet_list|list_item|table|thead|tbody|tr|th|td|strong|link)_(open|close) ?|inline|hr|code_inline "
    r'|html_inline (<a id="turn-[a-z0-9-]+">|</a>|<code>|</code>)'
)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=ANY_TEXT)
def test_no_text_becomes_structure_in_markdown(rich, text):
    hostile = shape(to_markdown(take_minutes(with_texts(rich.events, text))))

    assert all(ALLOWED.fullmatch(one) for one in hostile), [one for one in hostile if not ALLOWED.fullmatch(one)]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_texts_leave_the_page_as_it_is(rich, text):
    hostile = shape(to_markdown(take_minutes(with_texts(rich.events, text))))
    plain = shape(to_markdown(take_minutes(with_texts(rich.events, "Some words"))))

    assert all(ALLOWED.fullmatch(one) for one in hostile), [one for one in hostile if not ALLOWED.fullmatch(one)]
    for kind in ("table_open", "tr_open", "td_open", "hr"):
        assert hostile.count(kind) == plain.count(kind)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=ANY_TEXT)
def test_what_was_said_is_read_back_word_by_word(rich, text):
    events = [replace(event, text=text) if isinstance(event, StatementMade) and event.turn == "r0.Ada" else event for event in rich.events]
    tokens = MarkdownIt("gfm-like", {"linkify": False}).disable("linkify").parse(to_markdown(take_minutes(events)))
    start = next(place for place, token in enumerate(tokens) if token.type == "inline" and 'id="turn-r0-ada"' in token.content)
    end = next(place for place in range(start, len(tokens)) if tokens[place].type == "blockquote_close")
    said = "\n".join(
        "".join("\n" if child.type in {"softbreak", "hardbreak"} else child.content for child in token.children)
        for token in tokens[start + 1 : end]
        if token.type == "inline"
    )

    assert said.replace("\xa0", " ").split() == visible("\n".join(lines_of(text))).replace("\xa0", " ").split()


TAGS = {"html", "head", "meta", "title", "style", "body", "main", "h1", "h2", "h3", "hr", "p", "span", "div", "a", "strong", "code"}
TAGS |= {"ul", "li", "figure", "figcaption", "blockquote", "table", "caption", "thead", "tbody", "tr", "th", "td"}
ATTRIBUTES = {"lang", "charset", "http-equiv", "content", "name", "dir", "href", "id", "scope", "class", "role", "aria-label", "tabindex"}


class Page(HTMLParser):
    """What a reader of HTML sees."""

    def __init__(self):
        super().__init__()
        self.tags, self.ids, self.links, self.open, self.attributes, self.levels = [], [], [], [], set(), []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag not in {"meta", "hr"}:
            self.open.append(tag)
        self.ids += [value for name, value in attrs if name == "id"]
        self.links += [value for name, value in attrs if name == "href"]
        if re.fullmatch("h[1-6]", tag):
            self.levels.append(int(tag[1]))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def read(html):
    page = Page()
    page.feed(html)
    page.close()
    assert page.open == []
    return page


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=ANY_TEXT)
def test_no_text_becomes_structure_in_html(rich, text):
    page = read(to_html(take_minutes(with_texts(rich.events, text))))

    assert set(page.tags) <= TAGS
    assert page.attributes <= ATTRIBUTES


def test_every_link_leads_to_a_place_on_the_page(rich):
    minutes = take_minutes(rich.events)
    page, markdown = read(to_html(minutes)), to_markdown(minutes)

    assert len(page.ids) == len(set(page.ids))
    assert len(page.links) > 10
    assert {link.removeprefix("#") for link in page.links} <= set(page.ids)
    assert set(re.findall(r"\]\(#([^)]*)\)", markdown)) <= set(re.findall(r'<a id="([^"]*)"></a>', markdown))
    assert markdown.count("](#") == len(page.links)


def test_the_html_page_is_accessible_and_loads_nothing(rich):
    html = to_html(take_minutes(rich.events))
    page = read(html)

    assert page.levels[0] == 1
    assert page.levels.count(1) == 1
    assert all(after - before <= 1 for before, after in zip(page.levels, page.levels[1:], strict=False))
    assert html.count("<caption>") == page.tags.count("table") > 0
    assert "default-src 'none'" in html
    assert {"src", "srcset", "style", "onload"}.isdisjoint(page.attributes)
    assert all(link.startswith("#") for link in page.links)
    assert "url(" not in html
    assert "@import" not in html
    assert '<html lang="en">' in html


def test_the_first_page_holds_outcome_people_reasons_and_dissent(rich):
    front = to_markdown(take_minutes(rich.events)).split("\n---\n")[0]

    for told in (
        "## Outcome",
        "> A rota",
        "## Who took part",
        "Ada",
        "## Why",
        "## Dissent",
        "> I cannot vouch for a rota.",
        "Who keeps it?",
    ):
        assert told in front
    assert len(front.split()) < 350


def test_json_holds_everything_under_the_names_of_the_values(rich):
    minutes = take_minutes(rich.events)
    told = json.loads(to_json(minutes))

    assert set(told) == set(minutes.__dataclass_fields__)
    assert told["record"]["deliberation"] == rich.id
    assert told["ballots"][-1]["cast"][0]["vote"] == "A"
    assert told["convened_at"] == minutes.convened_at.isoformat()


def test_anchors_are_all_different():
    ids = anchors(["r0.Ada", "r0 Ada", "r0.ada", "水", "火", ""])

    assert len(set(ids.values())) == len(ids)
    assert all(re.fullmatch(r"turn-[a-z0-9-]*", one) for one in ids.values())


def test_the_table_of_seats_tells_how_much_of_the_talk_each_had(rich):
    minutes = take_minutes(rich.events)
    said = sum(seat.words for seat in minutes.seats)
    row = next(line for line in to_markdown(minutes).splitlines() if line.startswith("|") and "Ada" in line and " words, " in line)

    assert f"({minutes.seats[0].words} words, {minutes.seats[0].words / said:.0%} of all)" in row.replace("\\", "")
