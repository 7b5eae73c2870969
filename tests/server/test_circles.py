"""Circles as models, and deliberations as a resource."""

import json
import socket
import threading
import time

import pytest
from support.server_thread import running

from mallku.server.app import create_app
from mallku.server.roster import Roster
from mallku.server.settings import ServerSettings

SEAT = "python:support.seats_for_server:"
QUICK = f"""
model = "{SEAT}quick"
[[seats]]
name = "Ada"
[[seats]]
name = "Ben"
[[seats]]
name = "Cem"
weight = 4.0
"""
ASK = {"model": "circle/quick", "messages": [{"role": "user", "content": "Should we share the well?"}]}


@pytest.fixture
def circles(tmp_path):
    """Serve a circle of quick seats, one of slow seats, and one with a person in it."""
    (tmp_path / "quick.toml").write_text(QUICK)
    (tmp_path / "slow.toml").write_text(QUICK.replace("quick", "slow"))
    (tmp_path / "people.toml").write_text(QUICK + '[[seats]]\nname = "Pia"\nmodel = "human"\n')
    paths = tuple(tmp_path / f"{name}.toml" for name in ("quick", "slow", "people"))
    settings = ServerSettings(port=0, grace_s=1, circles=paths, journal=str(tmp_path / "journal.db"), human_timeout_s=20)
    with running(create_app(settings, roster=Roster()), settings) as address:
        yield address


def until(look, *, tries=400):
    """Return what `look` finds once it finds something."""
    for _ in range(tries):
        if found := look():
            return found
        time.sleep(0.025)
    raise AssertionError("nothing was found in time")


def sse_events(text):
    """Return the events of a stream as (id, name, data)."""
    events = []
    for block in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        if "data" in fields:
            events.append((fields.get("id", ""), fields.get("event", ""), json.loads(fields["data"])))
    return events


def test_a_circle_answers_with_its_verdict_and_the_journal_has_it(circles, openai_client, http):
    answer = openai_client(circles).chat.completions.create(**ASK)

    identifier = answer.model_extra["mallku"]["deliberation"]
    assert answer.choices[0].message.content.startswith("We share the well.")
    assert identifier in answer.choices[0].message.content
    assert answer.choices[0].finish_reason == "stop"
    kept = http.get(f"{circles}/v1/deliberations/{identifier}").json()
    assert kept["status"] == "complete"
    assert answer.usage.completion_tokens == kept["usage"]["completion_tokens"] > 3 * 4
    assert [seat["name"] for seat in kept["seats"]] == ["Ada", "Ben", "Cem"]


def test_a_circle_streams_statements_as_reasoning_and_the_verdict_as_content(circles, openai_client):
    chunks = list(openai_client(circles).chat.completions.create(**ASK, stream=True))

    thought = "".join(chunk.choices[0].delta.model_extra.get("reasoning_content") or "" for chunk in chunks)
    content = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert thought.count("We share the well.") >= 6
    assert "Ada: " in thought
    assert "private thought" not in thought + content
    assert content.startswith("We share the well.")


def test_anthropics_client_can_ask_a_circle(circles, anthropic_client):
    ask = {"model": "circle/quick", "max_tokens": 100, "messages": ASK["messages"]}

    with anthropic_client(circles).messages.stream(**ask) as stream:
        message = stream.get_final_message()

    assert [block.type for block in message.content] == ["thinking", "text"]


def test_circles_are_listed_with_the_models(circles, openai_client):
    names = {model.id for model in openai_client(circles).models.list()}

    assert {"circle/quick", "circle/people", "circle/council"} <= names


def test_an_option_that_a_circle_does_not_have_is_refused(circles, http):
    answer = http.post(f"{circles}/v1/chat/completions", json={**ASK, "stop": ["x"]})

    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "stop")


def test_a_client_that_leaves_interrupts_the_circle(circles, http):
    host, port = circles.removeprefix("http://").split(":")
    body = json.dumps({**ASK, "model": "circle/slow", "stream": True}).encode()
    with socket.create_connection((host, int(port)), timeout=10) as line:
        line.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n")
        line.sendall(f"content-length: {len(body)}\r\n\r\n".encode() + body)
        listed = until(lambda: http.get(f"{circles}/v1/deliberations").json()["data"])
        assert listed[0]["running"]

    until(lambda: http.get(f"{circles}/v1/deliberations").json()["data"][0]["status"] == "interrupted")
    until(lambda: "mallku_deliberations_running 0.0" in http.get(f"{circles}/metrics").text)


def test_a_deliberation_is_convened_watched_and_read(circles, http):
    made = http.post(
        f"{circles}/v1/deliberations", json={"question": "Which well?", "circle": "quick", "options": ["North", "South"], "seed": 3}
    )
    where = circles + made.headers["location"]
    events = sse_events(http.get(f"{where}/events").text)
    again = sse_events(http.get(f"{where}/events", headers={"last-event-id": "5"}).text)
    found = http.get(where).json()

    assert made.status_code == 201
    recorded = [(int(number), name, data) for number, name, data in events if number]
    assert [number for number, _, _ in recorded] == list(range(1, len(recorded) + 1))
    assert (recorded[0][1], recorded[-1][1]) == ("deliberation_convened", "deliberation_ended")
    assert recorded[0][2]["specversion"] == "1.0"
    assert recorded[0][2]["type"].endswith("deliberation_convened")
    assert "A private thought." not in json.dumps(events)
    assert [int(number) for number, _, _ in again if number] == list(range(6, len(recorded) + 1))
    assert (found["status"], found["answer"], found["running"]) == ("complete", "North", False)
    assert "North" in http.get(f"{where}/minutes").text
    assert http.get(f"{where}/minutes?format=html").text.startswith("<!")
    assert http.get(f"{where}/minutes?format=json").json()
    assert http.get(f"{circles}/v1/deliberations").json()["data"][0]["id"] == found["id"]


def test_a_watcher_hears_words_as_they_come(circles, http):
    heard = []

    def watch(where):
        heard.extend(sse_events(http.get(f"{where}/events").text))

    made = http.post(f"{circles}/v1/deliberations", json={"question": "Which well?", "circle": "people"})
    where = circles + made.headers["location"]
    watching = threading.Thread(target=watch, args=(where,))
    watching.start()
    http.post(f"{where}/stop", json={"now": True})
    watching.join(20)

    assert heard[0][1] == "deliberation_convened"
    assert "deliberation_interrupted" in [name for _, name, _ in heard]


def test_a_person_takes_part_over_http(circles, http):
    where = circles + http.post(f"{circles}/v1/deliberations", json={"question": "Which well?", "circle": "people"}).headers["location"]

    said = 0
    while http.get(where).json()["running"]:
        for turn in http.get(f"{where}/turns").json()["data"]:
            label = "A" if turn["schema"] else ""
            words = {"ballot": {"reason": "Because.", "choice": label}} if turn["schema"] else {"text": "I have walked to both wells."}
            said += http.post(f"{where}/turns/{turn['seat']}", json=words).status_code == 202

    found = http.get(where).json()
    assert said >= 3
    assert found["status"] == "complete"
    assert "I have walked to both wells." in http.get(f"{where}/minutes").text
    assert http.post(f"{where}/turns/Pia", json={"pass": True}).status_code == 409


def test_a_deliberation_is_stopped(circles, http):
    where = circles + http.post(f"{circles}/v1/deliberations", json={"question": "Which well?", "circle": "people"}).headers["location"]
    until(lambda: http.get(f"{where}/turns").json()["data"])

    stopped = http.post(f"{where}/stop", json={"reason": "It is late."})
    while http.get(where).json()["running"]:
        http.post(f"{where}/turns/Pia", json={"pass": True})

    assert stopped.status_code == 202
    assert http.get(where).json()["status"] == "stopped"


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/v1/deliberations/none", None, 404),
        ("GET", "/v1/deliberations/none/minutes", None, 404),
        ("GET", "/v1/deliberations/none/events", None, 404),
        ("GET", "/v1/deliberations/..%2F..%2Fetc%2Fpasswd", None, 404),
        ("POST", "/v1/deliberations/none/stop", {}, 409),
        ("POST", "/v1/deliberations", {"question": "Why?", "circle": "../../etc/passwd"}, 404),
        ("POST", "/v1/deliberations", {"question": " ", "circle": "quick"}, 400),
        ("POST", "/v1/deliberations", {"question": "Why?", "circle": "quick", "options": ["one"]}, 400),
        ("POST", "/v1/deliberations", {"question": "Why?", "circle": "quick", "model": "x"}, 400),
    ],
)
def test_a_wrong_request_is_told_so(  # noqa: PLR0917 - fixtures and parameters
    circles, http, method, path, body, status
):
    answer = http.request(method, circles + path, json=body) if body is not None else http.request(method, circles + path)

    assert answer.status_code == status
    assert answer.json()["error"]["message"]
