"""How the rehearsal model was made; rerun it with `python -m mallku.tiny.recipe.STEP`: tokenizer, train, export.

The steps need packages that the rest of mallku does not: torch, tokenizers, gguf and numpy.
"""
