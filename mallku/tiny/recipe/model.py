"""The network: a small Llama (RMSNorm, rotary positions, grouped heads, SwiGLU, tied embedding), as llama.cpp runs it."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """The sizes of the network."""

    vocabulary: int = 1280
    """Number of tokens."""
    width: int = 192
    """Width of the residual stream."""
    layers: int = 8
    """Number of blocks."""
    heads: int = 3
    """Query heads."""
    kv_heads: int = 3
    """Key and value heads."""
    inner: int = 512
    """Width of the feed-forward part."""
    rope_base: float = 10_000.0
    """Base of the rotary frequencies."""
    norm_epsilon: float = 1e-5
    """Added to the mean square before its root."""

    @property
    def head_width(self) -> int:
        """Width of one head."""
        return self.width // self.heads


def rotary_table(positions: Tensor, head_width: int, base: float) -> tuple[Tensor, Tensor]:
    """Return cosines and sines (B, 1, T, head_width / 2) for these positions (B, T)."""
    frequencies = base ** (-torch.arange(0, head_width, 2, dtype=torch.float32) / head_width)
    angles = positions.float()[:, None, :, None] * frequencies
    return angles.cos(), angles.sin()


def rotate(x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    """Rotate pairs (i, i + half). llama.cpp pairs neighbours; `export` reorders the rows of the weights to match."""
    first, second = x.chunk(2, dim=-1)
    return torch.cat((first * cosine - second * sine, first * sine + second * cosine), dim=-1)


class Matrix(nn.Module):
    """A linear map without bias, computed in the type of its input while its weight is kept in float32."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs) * inputs**-0.5)

    def forward(self, x: Tensor) -> Tensor:
        """Return the mapped vectors."""
        return functional.linear(x, self.weight.to(x.dtype))


class Norm(nn.Module):
    """Root mean square norm with a gain for each place."""

    def __init__(self, width: int, epsilon: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.epsilon = epsilon

    def forward(self, x: Tensor) -> Tensor:
        """Return the normed vectors."""
        normed: Tensor = functional.rms_norm(x, (x.shape[-1],), self.weight.to(x.dtype), self.epsilon)
        return normed


class Attention(torch.autograd.Function):
    """Attention by chunks of queries, each over the keys up to its own end: on a CPU faster than the fused kernel with a mask."""

    CHUNK = 128

    @staticmethod
    def forward(context: Any, q: Tensor, k: Tensor, v: Tensor, allowed: Tensor) -> Tensor:
        """Return the mixed values; `q` is already scaled. All (B, H, T, D); `allowed` (B, 1, T, T)."""
        keys, mixed, shares = k.transpose(-1, -2), torch.empty_like(q), []
        for start in range(0, q.shape[2], Attention.CHUNK):
            end = start + Attention.CHUNK
            scores = torch.matmul(q[:, :, start:end], keys[:, :, :, :end]).add_(allowed[:, :, start:end, :end])
            share = torch.softmax(scores, dim=-1)
            mixed[:, :, start:end] = torch.matmul(share, v[:, :, :end])
            shares.append(share)
        context.save_for_backward(q, k, v, mixed, *shares)
        return mixed

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        """Return the gradients of queries, keys and values."""
        q, k, v, mixed, *shares = context.saved_tensors
        outer = gradients[0]
        dot = (outer * mixed).sum(dim=-1, keepdim=True)
        dq, dk, dv = torch.empty_like(q), torch.zeros_like(k), torch.zeros_like(v)
        values = v.transpose(-1, -2)
        for number, share in enumerate(shares):
            start = number * Attention.CHUNK
            end = start + Attention.CHUNK
            piece = outer[:, :, start:end]
            dv[:, :, :end] += torch.matmul(share.transpose(-1, -2), piece)
            change = torch.matmul(piece, values[:, :, :, :end]).sub_(dot[:, :, start:end]).mul_(share)
            dq[:, :, start:end] = torch.matmul(change, k[:, :, :end])
            dk[:, :, :end] += torch.matmul(change.transpose(-1, -2), q[:, :, start:end])
        return dq, dk, dv, None


class Block(nn.Module):
    """Attention, then feed-forward, each on a normed copy of the stream."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        kv_width = shape.kv_heads * shape.head_width
        self.attn_norm = Norm(shape.width, shape.norm_epsilon)
        self.attn_q = Matrix(shape.width, shape.width)
        self.attn_k = Matrix(shape.width, kv_width)
        self.attn_v = Matrix(shape.width, kv_width)
        self.attn_output = Matrix(shape.width, shape.width)
        self.ffn_norm = Norm(shape.width, shape.norm_epsilon)
        self.ffn_gate = Matrix(shape.width, shape.inner)
        self.ffn_up = Matrix(shape.width, shape.inner)
        self.ffn_down = Matrix(shape.inner, shape.width)

    def before(self, x: Tensor, cosine: Tensor, sine: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return scaled queries, keys and values (B, H, T, D)."""
        batch, length, _ = x.shape
        y = self.attn_norm(x)
        q = self.attn_q(y).view(batch, length, self.shape.heads, -1).transpose(1, 2)
        k = self.attn_k(y).view(batch, length, self.shape.kv_heads, -1).transpose(1, 2)
        v = self.attn_v(y).view(batch, length, self.shape.kv_heads, -1).transpose(1, 2)
        groups = self.shape.heads // self.shape.kv_heads
        q = rotate(q, cosine, sine) * self.shape.head_width**-0.5
        return q.contiguous(), rotate(k, cosine, sine).repeat_interleave(groups, dim=1), v.repeat_interleave(groups, dim=1).contiguous()

    def after(self, x: Tensor, mixed: Tensor) -> Tensor:
        """Return the stream after this block."""
        x = x + self.attn_output(mixed.transpose(1, 2).reshape(x.shape))
        y = self.ffn_norm(x)
        out: Tensor = x + self.ffn_down(functional.silu(self.ffn_gate(y)) * self.ffn_up(y))
        return out

    def forward(self, x: Tensor, cosine: Tensor, sine: Tensor, allowed: Tensor) -> Tensor:
        """Return the stream after this block; `allowed` (B, 1, T, T) is added to the attention scores."""
        mixed: Tensor = Attention.apply(*self.before(x, cosine, sine), allowed)  # type: ignore[no-untyped-call]
        return self.after(x, mixed)


class Network(nn.Module):
    """Token numbers in, the stream after the last norm out; `logits` scores the next token with the tied embedding."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.token_embd = nn.Embedding(shape.vocabulary, shape.width)
        self.blk = nn.ModuleList(Block(shape) for _ in range(shape.layers))
        self.output_norm = Norm(shape.width, shape.norm_epsilon)
        nn.init.normal_(self.token_embd.weight, std=0.05)
        for name, weight in self.named_parameters():
            if name.endswith(("attn_output.weight", "ffn_down.weight")):
                nn.init.zeros_(weight)

    def forward(self, tokens: Tensor, positions: Tensor, allowed: Tensor) -> Tensor:
        """Return the normed stream (B, T, width)."""
        x = self.token_embd(tokens).to(allowed.dtype)
        cosine, sine = rotary_table(positions, self.shape.head_width, self.shape.rope_base)
        cosine, sine = cosine.to(x.dtype), sine.to(x.dtype)
        for block in self.blk:
            x = block(x, cosine, sine, allowed)
        normed: Tensor = self.output_norm(x)
        return normed

    def logits(self, stream: Tensor) -> Tensor:
        """Return the scores of the next token."""
        return functional.linear(stream, self.token_embd.weight.to(stream.dtype))
