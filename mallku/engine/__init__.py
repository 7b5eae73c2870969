"""How a local model thinks: GGUF files in process through llama.cpp, many requests at once over one shared memory."""

from mallku.engine.chat_template import answer_opening
from mallku.engine.engine import Engine, OnProgress, whole_result
from mallku.engine.load import EnginePool, load_engine
from mallku.engine.request import (
    Embeddings,
    EngineFacts,
    EngineRequest,
    EngineResult,
    EngineStatistics,
    Sampling,
    TextPiece,
    TokenLogprob,
)
from mallku.engine.settings import EngineSettings

__all__ = [
    "Embeddings",
    "Engine",
    "EngineFacts",
    "EnginePool",
    "EngineRequest",
    "EngineResult",
    "EngineSettings",
    "EngineStatistics",
    "OnProgress",
    "Sampling",
    "TextPiece",
    "TokenLogprob",
    "answer_opening",
    "load_engine",
    "whole_result",
]
