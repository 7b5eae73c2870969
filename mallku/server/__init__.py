"""Others call us: models and whole circles behind the protocols of OpenAI and Anthropic."""

from mallku.server.settings import ServerSettings, load_settings

__all__ = ["ServerSettings", "load_settings"]
