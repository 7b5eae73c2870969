"""Where the server's settings come from."""

import pytest

from mallku.errors import ConfigurationError
from mallku.server.settings import load_settings


def test_flags_come_before_the_environment_before_the_file(tmp_path):
    (tmp_path / "m.toml").write_text('[serve]\nport = 1\nlog_level = "error"\ngrace_s = 3\n')
    environment = {"MALLKU_SERVE_PORT": "2", "LLM_LOG_LEVEL": "WARNING", "MALLKU_SERVE_ALLOWED_HOSTS": "a.local,b.local"}

    settings = load_settings({"port": 3, "host": None}, config=tmp_path / "m.toml", environment=environment)

    assert (settings.port, settings.log_level, settings.grace_s, settings.host) == (3, "WARNING", 3.0, "127.0.0.1")
    assert settings.allowed_hosts == ("a.local", "b.local")


def test_the_environment_names_of_other_servers_are_understood():
    names = {
        "LLM_HOST": "127.0.0.2",
        "LLM_PORT": "9",
        "LLM_MODEL_PATH": "/models/a.gguf",
        "LLM_MODEL_NAME": "a",
        "LLM_LOG_LEVEL": "debug",
        "LLM_REQUEST_TIMEOUT": "7.5",
    }

    settings = load_settings(environment=names)

    assert (settings.host, settings.port, settings.models, settings.default_model) == ("127.0.0.2", 9, ("/models/a.gguf",), "a")
    assert (settings.log_level, settings.request_timeout_s) == ("debug", 7.5)


def test_a_dotenv_file_stands_behind_the_environment(tmp_path, monkeypatch):
    (tmp_path / ".env").write_text("LLM_PORT=11\nMALLKU_SERVE_GRACE_S=4\n")
    monkeypatch.chdir(tmp_path)

    settings = load_settings(environment={"LLM_PORT": "12"})

    assert (settings.port, settings.grace_s) == (12, 4.0)


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        ({"prot": 1}, "port"),
        ({"port": "many"}, "`port`"),
        ({"log_level": "loud"}, "loud"),
        ({"allowed_origins": ("localhost",)}, "localhost"),
    ],
)
def test_a_wrong_setting_is_named(flags, told):
    with pytest.raises(ConfigurationError, match=told):
        load_settings(flags, environment={})


def test_a_key_never_shows():
    settings = load_settings({"api_key": "secret-key"}, environment={})

    assert "secret-key" not in repr(settings)
