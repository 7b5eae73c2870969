"""Samplers: how the next token is chosen, through llama.cpp's own sampler chain.

The chain is: bias of single tokens, penalties, top-k, top-p, min-p, temperature, draw; where the temperature is 0 the likeliest token
follows the penalties.
A grammar is asked after the chain has chosen. Only if it refuses the token is the choice made again, among the tokens it allows:
asking it about every token of the vocabulary at every step would cost more than the model.
"""

import ctypes
from typing import Any

from mallku.engine.request import Sampling
from mallku.errors import RequestRefused

_PENALTY_WINDOW = 64
_RANDOM_SEED = 0xFFFFFFFF


class Sampler:
    """One request's chain and, if it has one, its grammar."""

    def __init__(self, lib: Any, vocab: Any, vocabulary_size: int, sampling: Sampling, grammar: str | None) -> None:
        self._lib = lib
        self._vocabulary_size = vocabulary_size
        self._grammar = None
        if grammar is not None:
            self._grammar = lib.llama_sampler_init_grammar(vocab, grammar.encode(), b"root")
            if not self._grammar:
                raise RequestRefused("the grammar is not valid GBNF", hint="It needs a rule named `root`; see llama.cpp's grammars/README.")
        self._chain = _chain(lib, vocabulary_size, sampling)

    def sample(self, context: Any, row: int) -> int:
        """Choose a token from a row of logits and note that it was chosen."""
        if self._grammar is None:
            return int(self._lib.llama_sampler_sample(self._chain, context, row))
        candidates = self._candidates(context, row)
        token = self._choose(candidates)
        if not self._allows(token):
            candidates = self._candidates(context, row)
            self._lib.llama_sampler_apply(self._grammar, ctypes.byref(candidates))
            token = self._choose(candidates)
            if not self._allows(token):
                raise RequestRefused(
                    "the grammar leaves no token to go on with", hint="The model's vocabulary cannot write what the grammar demands."
                )
        self._lib.llama_sampler_accept(self._chain, token)
        self._lib.llama_sampler_accept(self._grammar, token)
        return token

    def close(self) -> None:
        """Free the native samplers."""
        self._lib.llama_sampler_free(self._chain)
        if self._grammar:
            self._lib.llama_sampler_free(self._grammar)

    def _candidates(self, context: Any, row: int) -> Any:
        import numpy as np

        logits = np.ctypeslib.as_array(self._lib.llama_get_logits_ith(context, row), (self._vocabulary_size,))
        self._data = np.empty(self._vocabulary_size, dtype=[("id", np.int32), ("logit", np.float32), ("p", np.float32)])
        self._data["id"] = np.arange(self._vocabulary_size)
        self._data["logit"] = logits
        self._data["p"] = 0.0
        pointer = self._data.ctypes.data_as(ctypes.POINTER(self._lib.llama_token_data))
        return self._lib.llama_token_data_array(data=pointer, size=self._vocabulary_size, selected=-1, sorted=False)

    def _choose(self, candidates: Any) -> int:
        self._lib.llama_sampler_apply(self._chain, ctypes.byref(candidates))
        return int(candidates.data[candidates.selected].id)

    def _allows(self, token: int) -> bool:
        single = self._lib.llama_token_data(id=token, logit=1.0, p=0.0)
        array = self._lib.llama_token_data_array(data=ctypes.pointer(single), size=1, selected=-1, sorted=False)
        self._lib.llama_sampler_apply(self._grammar, ctypes.byref(array))
        return bool(single.logit > float("-inf"))


def _chain(lib: Any, vocabulary_size: int, sampling: Sampling) -> Any:
    """Build the chain of one request."""
    parameters = lib.llama_sampler_chain_default_params()
    parameters.no_perf = True
    chain = lib.llama_sampler_chain_init(parameters)
    if sampling.logit_bias:
        biases = (lib.llama_logit_bias * len(sampling.logit_bias))(*sampling.logit_bias)
        lib.llama_sampler_chain_add(chain, lib.llama_sampler_init_logit_bias(vocabulary_size, len(biases), biases))
    if (sampling.repeat_penalty, sampling.frequency_penalty, sampling.presence_penalty) != (1.0, 0.0, 0.0):
        penalties = (vocabulary_size, _PENALTY_WINDOW, sampling.repeat_penalty, sampling.frequency_penalty, sampling.presence_penalty)
        lib.llama_sampler_chain_add(chain, lib.llama_sampler_init_penalties(*penalties))
    if sampling.temperature <= 0:
        lib.llama_sampler_chain_add(chain, lib.llama_sampler_init_greedy())
        return chain
    if sampling.top_k > 0:
        lib.llama_sampler_chain_add(chain, lib.llama_sampler_init_top_k(sampling.top_k))
    if sampling.top_p < 1:
        lib.llama_sampler_chain_add(chain, lib.llama_sampler_init_top_p(sampling.top_p, 1))
    if sampling.min_p > 0:
        lib.llama_sampler_chain_add(chain, lib.llama_sampler_init_min_p(sampling.min_p, 1))
    lib.llama_sampler_chain_add(chain, lib.llama_sampler_init_temp(sampling.temperature))
    seed = _RANDOM_SEED if sampling.seed is None else sampling.seed % _RANDOM_SEED
    lib.llama_sampler_chain_add(chain, lib.llama_sampler_init_dist(seed))
    return chain
