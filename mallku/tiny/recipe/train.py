"""Trains the network. Every batch, weight and step follows from the seed and the number of steps; nothing follows from the clock."""

import argparse
import csv
import multiprocessing
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import torch
from tokenizers import Tokenizer
from torch import Tensor, distributed
from torch.multiprocessing.spawn import spawn
from torch.nn import functional

from mallku.tiny.recipe.deliberations import Deliberations
from mallku.tiny.recipe.model import Block, Network, Shape
from mallku.tiny.recipe.packing import Row, capitals, pack_row

PAD: Final = 4
MATRIX: Final = 2
ADAM_RATE: Final = 3e-3
ROWS_TOKENS: Final = 8192
"""Tokens of one step, padding included."""
HELD_OUT: Final = 10_000_000
"""Rows of the validation set have seeds from here on."""


class Batch:
    """Rows as tensors."""

    def __init__(self, rows: list[Row], length: int) -> None:
        def table(name: str, fill: float) -> Tensor:
            return torch.tensor([getattr(row, name) + [fill] * (length - len(row.tokens)) for row in rows])

        self.tokens = table("tokens", PAD)
        self.positions = table("positions", 0)
        targets, weights = table("targets", -1).flatten(), table("weights", 0.0).flatten()
        self.places = torch.nonzero(weights > 0).squeeze(1)
        self.targets, self.weights = targets[self.places], weights[self.places]
        starts, limits, owns = (table(name, 0)[:, :, None] for name in ("starts", "limits", "owns"))
        key = torch.arange(length)[None, None, :]
        query = torch.arange(length)[None, :, None]
        seen = ((key >= owns) & (key <= query)) | ((key >= starts) & (key < limits))
        self.allowed = torch.zeros(len(rows), 1, length, length, dtype=torch.bfloat16)
        self.allowed.masked_fill_(~seen[:, None], float("-inf"))


def _make_rows(tokenizer: str, seeds: list[list[int]], lengths: list[int], made: Any) -> None:
    """Work of the child process: put the rows of each step on the queue."""
    encoder = Tokenizer.from_str(tokenizer)
    deliberations = Deliberations()

    def encode(text: str) -> list[int]:
        return encoder.encode(text, add_special_tokens=False).ids

    names = capitals(encode)
    for row_seeds, length in zip(seeds, lengths, strict=True):
        made.put([pack_row(seed, deliberations, encode, length, names=names) for seed in row_seeds])


def batches(
    first: int, last: int, tokenizer: Tokenizer, length: Callable[[int], int], seed: int, *, rank: int = 0, workers: int = 1
) -> Iterator[Batch]:
    """Yield this worker's share of the batches of these steps; the rows are made ahead in a process of their own."""
    context = multiprocessing.get_context("spawn")
    made = context.Queue(maxsize=8)
    lengths = [length(step) for step in range(first, last)]
    seeds = [[seed + step * 8 + number for number in range(rank, ROWS_TOKENS // length(step), workers)] for step in range(first, last)]
    maker = context.Process(target=_make_rows, args=(tokenizer.to_str(), seeds, lengths, made), daemon=True)
    maker.start()
    for row_length in lengths:
        yield Batch(made.get(), row_length)
    maker.join()


class Muon:
    """Momentum whose matrices are made orthogonal by five Newton-Schulz steps (Jordan 2024), all of one shape at once."""

    def __init__(self, matrices: list[torch.nn.Parameter], decay: float = 0.02) -> None:
        self.matrices = matrices
        self.groups: dict[tuple[int, ...], list[torch.nn.Parameter]] = {}
        for matrix in matrices:
            self.groups.setdefault(tuple(matrix.shape), []).append(matrix)
        self.momenta = {shape: torch.zeros(len(group), *shape) for shape, group in self.groups.items()}
        self.decay = decay

    @torch.no_grad()
    def step(self, rate: float, momentum: float = 0.95) -> None:
        """Take one step; the update of a matrix has the root mean square that AdamW's would have."""
        for shape, group in self.groups.items():
            gradient = torch.stack([matrix.grad for matrix in group if matrix.grad is not None])
            moving = self.momenta[shape].lerp_(gradient, 1 - momentum)
            update = gradient.lerp(moving, momentum).bfloat16()
            tall = shape[0] > shape[1]
            update = update.mT if tall else update
            update = update / (update.norm(dim=(-2, -1), keepdim=True) + 1e-7)
            for _ in range(5):
                square = update @ update.mT
                update = 3.4445 * update + (-4.7750 * square + 2.0315 * square @ square) @ update
            update = (update.mT if tall else update).float() * (0.2 * max(shape) ** 0.5)
            for matrix, change in zip(group, update, strict=True):
                matrix.mul_(1 - rate * self.decay).sub_(change, alpha=rate)


def loss_of(network: Network, batch: Batch) -> tuple[Tensor, Tensor]:
    """Return the weighted loss and the mean loss of the replies alone."""
    stream = network(batch.tokens, batch.positions, batch.allowed)
    scores = network.logits(stream.flatten(0, 1)[batch.places]).float()
    each = functional.cross_entropy(scores, batch.targets, reduction="none")
    replies = batch.weights >= 1.0
    return (each * batch.weights).sum() / batch.weights.sum(), each[replies].mean().detach()


def pace(step: int, steps: int, *, hold: float = 0.45, warm: int = 60) -> float:
    """Return the share of the full rate: up in `warm` steps, held, then down in a line to nothing."""
    if step < warm:
        return (step + 1) / warm
    held = hold * steps
    return 1.0 if step < held else max(0.0, (steps - step) / (steps - held))


def share_gradients(network: Network, workers: int) -> None:
    """Give every worker the mean of all workers' gradients."""
    gradients = [weight.grad for weight in network.parameters() if weight.grad is not None]
    flat = torch.cat([gradient.flatten() for gradient in gradients])
    distributed.all_reduce(flat)
    flat /= workers
    for gradient, mean in zip(gradients, torch.split(flat, [gradient.numel() for gradient in gradients]), strict=True):
        gradient.copy_(mean.view_as(gradient))


def share_matrices(shares: list[list[torch.nn.Parameter]]) -> None:
    """Give every worker the matrices that the others have moved."""
    for owner, matrices in enumerate(shares):
        flat = torch.cat([matrix.detach().flatten() for matrix in matrices])
        distributed.broadcast(flat, src=owner)
        for matrix, moved in zip(matrices, torch.split(flat, [matrix.numel() for matrix in matrices]), strict=True):
            matrix.data.copy_(moved.view_as(matrix))


class Log:
    """The table of the run, written as it goes."""

    def __init__(self, path: Path, *, goes_on: bool) -> None:
        self._file = path.open("a" if goes_on else "w", newline="")
        self._table = csv.writer(self._file)
        if not goes_on:
            self._table.writerow(["step", "tokens", "seconds", "rate", "reply_loss", "held_out_reply_loss"])

    def write(self, *row: Any) -> None:
        """Write one line, to the file and to the screen."""
        self._table.writerow(row)
        self._file.flush()
        print(*row, flush=True)


def work(rank: int, chosen: argparse.Namespace) -> None:
    """Train as one of the workers; the first one keeps the log and the checkpoints."""
    workers: int = chosen.workers
    torch.set_num_threads(1)
    torch.manual_seed(chosen.seed)
    if workers > 1:
        distributed.init_process_group("gloo", init_method=chosen.meet, rank=rank, world_size=workers)
    tokenizer = Tokenizer.from_file(str(chosen.into / "tokenizer.json"))
    Block.before = torch.compile(Block.before, fullgraph=True)  # type: ignore[method-assign]
    Block.after = torch.compile(Block.after, fullgraph=True)  # type: ignore[method-assign]
    network = Network(Shape(vocabulary=tokenizer.get_vocab_size()))
    matrices = [weight for name, weight in network.named_parameters() if weight.ndim == MATRIX and "embd" not in name]
    adam = torch.optim.AdamW(
        [weight for name, weight in network.named_parameters() if weight.ndim < MATRIX or "embd" in name],
        betas=(0.9, 0.95),
        weight_decay=0.0,
    )
    shares = [matrices[owner::workers] for owner in range(workers)]
    muon = Muon(shares[rank])
    first, before = 0, 0.0
    if chosen.resume:
        saved = torch.load(chosen.into / "checkpoint.pt")
        network.load_state_dict(saved["network"])
        adam.load_state_dict(saved["adam"])
        first, before = saved["step"], saved.get("seconds", 0.0)
    long_from = round(chosen.steps * (1 - chosen.long_share))
    stream = batches(
        first, chosen.steps, tokenizer, lambda step: 1024 if step < long_from else 2048, chosen.seed * 1_000_000, rank=rank, workers=workers
    )
    log = Log(chosen.into / "training.csv", goes_on=chosen.resume) if rank == 0 else None
    held_out = list(batches(0, 2, tokenizer, lambda _: 1024, HELD_OUT)) if rank == 0 else []
    started, replies = time.perf_counter() - before, []
    for done, batch in enumerate(stream, start=first + 1):
        share = pace(done - 1, chosen.steps)
        loss, reply_loss = loss_of(network, batch)
        loss.backward()  # type: ignore[no-untyped-call]
        if workers > 1:
            share_gradients(network, workers)
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        muon.step(chosen.rate * share)
        for group in adam.param_groups:
            group["lr"] = ADAM_RATE * share
        adam.step()
        if workers > 1:
            share_matrices(shares)
        network.zero_grad(set_to_none=True)
        replies.append(float(reply_loss))
        if log and (done % 50 == 0 or done == chosen.steps):
            checked = ""
            if done % 250 == 0 or done == chosen.steps:
                with torch.no_grad():
                    checked = f"{sum(float(loss_of(network, held)[1]) for held in held_out) / len(held_out):.4f}"
                state = {"network": network.state_dict(), "adam": adam.state_dict(), "step": done, "seconds": time.perf_counter() - started}
                torch.save(state, chosen.into / "checkpoint.new")
                (chosen.into / "checkpoint.new").replace(chosen.into / "checkpoint.pt")
            seconds = time.perf_counter() - started
            log.write(
                done, done * ROWS_TOKENS, f"{seconds:.0f}", f"{chosen.rate * share:.6f}", f"{sum(replies) / len(replies):.4f}", checked
            )
            replies = []


def main() -> None:
    """Train; write checkpoints and the log."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--into", type=Path, default=Path("rehearsal-run"))
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--long-share", type=float, default=0.1, help="share of the steps, at the end, with rows of 2048 tokens")
    parser.add_argument("--rate", type=float, default=4e-3)
    parser.add_argument("--workers", type=int, default=2, help="processes of one thread each that share every batch")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--resume", action="store_true")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        chosen.meet = f"file://{folder}/meet"
        if chosen.workers > 1:
            spawn(work, args=(chosen,), nprocs=chosen.workers)  # type: ignore[no-untyped-call]
        else:
            work(0, chosen)


if __name__ == "__main__":
    main()
