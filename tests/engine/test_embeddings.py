"""Embedding models turn texts into vectors of length 1."""

import math

import pytest

from mallku.engine import EngineRequest, EngineSettings, load_engine, whole_result
from mallku.errors import ContextOverflow, RequestRefused


@pytest.fixture
async def engine(models):
    loaded = await load_engine(EngineSettings(model_path=models["bert"], threads=1))
    yield loaded
    await loaded.close()


async def test_every_text_has_its_vector_whatever_its_company(engine):
    texts = [f"the circle should water the garden {'and ' * (count % 7)}{count}" for count in range(40)]
    together = await engine.embed(texts)
    apart = [(await engine.embed([text])).vectors[0] for text in texts[:3]]

    assert len(together.vectors) == 40
    for one, other in zip(together.vectors, apart, strict=False):
        assert one == pytest.approx(other, abs=1e-4)
    assert all(math.isclose(math.hypot(*vector), 1, abs_tol=1e-6) for vector in together.vectors)
    assert together.vectors[0] != pytest.approx(together.vectors[5], abs=1e-3)
    assert together.tokens > 40 * 20


async def test_a_text_longer_than_the_window_is_refused_with_the_figures(engine):
    with pytest.raises(ContextOverflow) as refusal:
        await engine.embed(["water " * 300])

    assert refusal.value.window == engine.facts.context_length == 256


async def test_an_embedding_model_does_not_generate(engine):
    assert engine.facts.is_embedding_model
    with pytest.raises(RequestRefused, match="does not generate"):
        await whole_result(engine, EngineRequest(text="water"))


async def test_a_generating_model_embeds_only_if_it_was_loaded_for_that(models):
    speaker = await load_engine(EngineSettings(model_path=models["llama"], context_length=256, threads=1))
    with pytest.raises(RequestRefused, match="embeddings=True"):
        await speaker.embed(["water"])
    await speaker.close()
    embedder = await load_engine(EngineSettings(model_path=models["llama"], context_length=256, threads=1, embeddings=True))
    vectors = (await embedder.embed(["water", "garden"])).vectors
    await embedder.close()

    assert vectors[0] != vectors[1]


async def test_an_empty_text_is_refused_and_harms_nobody(models):
    embedder = await load_engine(EngineSettings(model_path=models["llama"], context_length=256, threads=1, embeddings=True))
    with pytest.raises(RequestRefused, match="empty"):
        await embedder.embed(["water", ""])
    assert len((await embedder.embed(["water"])).vectors) == 1
    await embedder.close()


async def test_an_encoder_keeps_to_its_positions_whatever_window_is_asked_for(models):
    embedder = await load_engine(EngineSettings(model_path=models["bert"], context_length=1024, threads=1))
    assert embedder.facts.context_length == 256
    assert "no more positions" in embedder.facts.warnings[0]
    with pytest.raises(ContextOverflow):
        await embedder.embed(["water " * 150])
    await embedder.close()
