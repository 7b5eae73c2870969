"""Keys in files: one alone, or a ring whose keys go only to the addresses they stand beside; what a file holds is never shown."""

import pytest
from asking import said
from stand_in import StandIn, stream

from mallku.errors import ConfigurationError
from mallku.firecircle.adapters.examination import examine
from mallku.firecircle.adapters.key_ring import key_from_file
from mallku.firecircle.adapters.local_adapter import LocalAdapterConfig, LocalAIAdapter

KEY = "sk-planted-1b2c3d"
RING = f"""
# keys of the servers in this house
"127.0.0.1:1337" = "{KEY}"
"models.example" = "{KEY}-all"
"models.example:8443" = "{KEY}-one"
"[::1]:5" = "{KEY}-six"
"""


def held(path, url):
    found = key_from_file(path, url)
    return found.key.get_secret_value() if found.key else None


def private(path, text):
    path.write_text(text) if isinstance(text, str) else path.write_bytes(text)
    path.chmod(0o600)
    return path


@pytest.mark.parametrize("text", [KEY, f"{KEY}\n", f"\n  {KEY}\r\n", f"\ufeff{KEY}"])
def test_a_file_with_one_word_is_the_key(text, tmp_path):
    assert held(private(tmp_path / "key", text), "http://127.0.0.1:1") == KEY


@pytest.mark.parametrize(
    ("url", "key"),
    [
        ("http://127.0.0.1:1337/v1", KEY),
        ("127.0.0.1:1337", KEY),
        ("http://127.0.0.1:1338", None),
        ("https://Models.Example/v1", f"{KEY}-all"),
        ("https://models.example:8443", f"{KEY}-one"),
        ("http://evil.models.example", None),
        ("http://[::1]:5/v1", f"{KEY}-six"),
    ],
)
def test_a_key_of_a_ring_goes_to_its_own_address_only(url, key, tmp_path):
    assert held(private(tmp_path / "keys.toml", RING), url) == key


@pytest.mark.parametrize(
    "text",
    ["", "  \n", f"{KEY} {KEY}", f'"a" = {KEY}', f'["127.0.0.1:1"]\nkey = "{KEY}"', KEY.encode() + b" \xff", f"{KEY} " * 10_000],
    ids=["empty", "blank", "two words", "no TOML", "a table", "no text", "too long"],
)
def test_what_is_no_key_file_is_refused_without_showing_it(text, tmp_path):
    with pytest.raises(ConfigurationError, match="key file") as caught:
        key_from_file(private(tmp_path / "key", text), "http://127.0.0.1:1")

    assert KEY not in f"{caught.value} {caught.value!r} {caught.value.__cause__!r}"
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_a_missing_key_file_and_a_folder_are_named(tmp_path):
    for path in (tmp_path / "nowhere", tmp_path):
        with pytest.raises(ConfigurationError, match="cannot be read"):
            LocalAIAdapter(LocalAdapterConfig(base_url="http://127.0.0.1:1", api_key_file=path))


@pytest.mark.parametrize(("mode", "concerned"), [(0o600, False), (0o400, False), (0o640, True), (0o604, True), (0o620, True)])
async def test_a_key_file_that_others_can_read_is_used_and_said_by_the_doctor(mode, concerned, tmp_path):
    path = private(tmp_path / "key", KEY)
    path.chmod(mode)
    async with StandIn(stream("yes")) as server:
        adapter = LocalAIAdapter(LocalAdapterConfig(base_url=server.url, api_key_file=path))
        told = {result.what: result async for result in examine(adapter)}
        await adapter.close()

    assert server.asked[-1].headers["authorization"] == f"Bearer {KEY}"
    assert ("settings" in told) == concerned
    assert not concerned or "chmod 600" in told["settings"].told


async def sent(server, monkeypatch, environment, **given):
    for name, value in environment.items():
        monkeypatch.setenv(name, str(value))
    adapter = LocalAIAdapter(LocalAdapterConfig(base_url=server.url, **given))
    await said(adapter)
    await adapter.close()
    return server.asked[-1].headers["authorization"]


async def test_what_is_given_goes_before_the_environment_and_a_key_before_a_file(tmp_path, monkeypatch):
    given, other = private(tmp_path / "given", "from-given-file"), private(tmp_path / "other", "from-other-file")
    async with StandIn(stream("yes")) as server:
        told = [
            await sent(server, monkeypatch, {}, api_key="direct", api_key_file=given),
            await sent(server, monkeypatch, {"LOCAL_API_KEY": "from-environment"}, api_key_file=given),
            await sent(server, monkeypatch, {"LOCAL_API_KEY_FILE": other}),
            await sent(server, monkeypatch, {"LOCAL_API_KEY": ""}),
            await sent(server, monkeypatch, {"LOCAL_API_KEY_FILE": "", "MALLKU_LOCAL_API_KEY_FILE": other}),
        ]

    assert told == [
        "Bearer direct",
        "Bearer from-given-file",
        "Bearer from-environment",
        "Bearer from-other-file",
        "Bearer from-other-file",
    ]


async def test_the_ring_of_the_user_is_looked_into_where_no_key_is_given(tmp_path, monkeypatch):
    async with StandIn(stream("yes")) as server:
        ring = tmp_path / "config" / "mallku" / "keys.toml"
        ring.parent.mkdir(parents=True)
        private(ring, f'"127.0.0.1:{server.port}" = "{KEY}"\n"127.0.0.1:1" = "another"')
        with_ring = await sent(server, monkeypatch, {})
        private(ring, '"127.0.0.1:1" = "another"')
        without = await sent(server, monkeypatch, {})

    assert (with_ring, without) == (f"Bearer {KEY}", "Bearer local")
