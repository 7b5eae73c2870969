"""The engine against its peers: one GGUF, one job, one run.

    python tests/benchmarks/engine.py                      the table of docs/engine.md
    python tests/benchmarks/engine.py --sizes 0.1b --repeats 5
    python tests/benchmarks/engine.py --scaling            how cost grows with seats and rounds
    python tests/benchmarks/engine.py --threads 0          everyone's own choice of threads
    python tests/benchmarks/engine.py --busy               with another process spinning on every core

The job is a circle: every seat speaks once a round, hears all statements of the rounds before, and has a persona of its own. Peers are
llama-cpp-python's `Llama`, one call after another, and llama.cpp's own HTTP server (in xllamacpp) with as many slots as seats, or one;
each with the persona before the transcript (`first`, the usual way) and after it (`last`). Every measurement runs in a child process of
its own, and peers take turns, so that a busy machine is busy for all. Seconds leave out loading; processor seconds ("cpu s") are those of
the whole child, loading included, and say more than seconds where other programs hold the processors. The random-weight models are
written to a temporary folder.
"""

# ruff: noqa: T201 (a benchmark prints its table)

import argparse
import asyncio
import json
import multiprocessing
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.request import Request, urlopen

sys.path[:0] = [str(Path(__file__).resolve().parents[2]), str(Path(__file__).resolve().parents[1])]

from support.gguf_models import Size, write_transformer  # noqa: E402 (found through the path set above)

TENTH = {"layers": 12, "width": 768, "heads": 12, "kv_heads": 12, "feed_forward": 2048, "vocabulary": 16000}
HALF = {"layers": 24, "width": 896, "heads": 14, "kv_heads": 2, "feed_forward": 4864, "vocabulary": 64000}
GEMMA = {"layers": 10, "width": 640, "heads": 10, "kv_heads": 2, "feed_forward": 2560, "vocabulary": 32000}
SIZES = {
    "toy": ("llama", Size()),
    "0.1b": ("llama", Size(**TENTH, number_format="Q8_0")),
    "0.1b-q4_0": ("llama", Size(**TENTH, number_format="Q4_0")),
    "0.1b-f16": ("llama", Size(**TENTH, number_format="F16")),
    "gemma2": ("gemma2", Size(**GEMMA, number_format="Q8_0")),
    "0.5b": ("qwen2", Size(**HALF, number_format="Q8_0")),
}
TRAINED_LENGTH = 16384
PEERS = ("mallku", "mallku-without-kernel", "llama-first", "llama-last", "server-first", "server-last", "server-one-slot-last")


@dataclass(frozen=True, kw_only=True)
class Job:
    """A circle's work, in tokens."""

    seats: int = 5
    rounds: int = 4
    answer: int = 64
    persona: int = 80
    question: int = 100

    @property
    def least(self):
        """Tokens that must be prefilled: the question and each heard statement once, and each seat's persona in each round."""
        return self.question + self.seats * self.answer * (self.rounds - 1) + self.seats * self.rounds * self.persona

    @property
    def window(self):
        """Tokens of the longest request."""
        return self.question + self.seats * self.answer * (self.rounds - 1) + self.persona + self.answer + 8

    def text(self, name, length):
        """Draw tokens for a part of the prompt; ids below 250 are bytes in every model here."""
        source = random.Random(name)
        return [source.randrange(250) for _ in range(length)]

    def prompt(self, seat, heard, *, persona_first):
        """Lay out one seat's prompt."""
        persona = self.text(f"persona {seat}", self.persona)
        shared = [*self.text("question", self.question), *heard]
        return [*persona, *shared] if persona_first else [*shared, *persona]


def measure_mallku(model, job, threads, gpu_layers, *, own_kernel):
    """Run the job on the engine."""
    from mallku.engine import EngineRequest, EngineSettings, Sampling, load_engine, whole_result

    async def run():
        engine = await load_engine(
            EngineSettings(
                model_path=Path(model),
                context_length=job.window,
                cells=cells(job),
                parallel=max(8, job.seats),
                threads=threads,
                gpu_layers=gpu_layers,
                own_kernel=own_kernel,
            )
        )
        warm = EngineRequest(tokens=(1, 2, 3), max_tokens=4, sampling=Sampling(temperature=0))
        await whole_result(engine, warm)
        before = await engine.statistics()
        began, heard = time.perf_counter(), []
        for _ in range(job.rounds):
            requests = [
                EngineRequest(
                    tokens=tuple(job.prompt(seat, heard, persona_first=False)),
                    max_tokens=job.answer,
                    sampling=Sampling(temperature=0),
                    ignores_end=True,
                )
                for seat in range(job.seats)
            ]
            results = await asyncio.gather(*(whole_result(engine, request) for request in requests))
            heard += [token for result in results for token in result.tokens]
        seconds = time.perf_counter() - began
        after = await engine.statistics()
        await engine.close()
        steps = after.steps - before.steps
        return {
            "seconds": seconds,
            "prefilled": after.prefilled_tokens - before.prefilled_tokens,
            "generated": len(heard),
            "own_ms_per_step": 1000 * (after.own_s - before.own_s) / steps,
            "sample_ms_per_step": 1000 * (after.sample_s - before.sample_s) / steps,
            "decode_ms_per_step": 1000 * (after.decode_s - before.decode_s) / steps,
        }

    return asyncio.run(run())


def cells(job):
    """Room for the longest round of all seats, and for what it leaves behind."""
    return job.window + job.seats * (job.persona + job.answer) * 2


def measure_llama(model, job, threads, gpu_layers, layout):
    """Run the job through `Llama`, seat by seat."""
    from llama_cpp import Llama

    llama = Llama(model, n_ctx=job.window, n_batch=512, n_threads=threads, n_threads_batch=threads, n_gpu_layers=gpu_layers, verbose=False)
    answer_of(llama, [1, 2, 3], 4)
    began, heard, prefilled = time.perf_counter(), [], 0
    for _ in range(job.rounds):
        said = []
        for seat in range(job.seats):
            prompt = job.prompt(seat, heard, persona_first=layout == "first")
            known = list(llama._input_ids)
            common = next(
                (at for at, pair in enumerate(zip(known, prompt, strict=False)) if pair[0] != pair[1]), min(len(known), len(prompt))
            )
            prefilled += len(prompt) - common
            said += answer_of(llama, prompt, job.answer)
        heard += said
    return {"seconds": time.perf_counter() - began, "prefilled": prefilled, "generated": len(heard)}


def answer_of(llama, prompt, length):
    """Continue a prompt greedily by exactly `length` tokens."""
    answer = []
    for token in llama.generate(prompt, temp=0.0):
        answer.append(token)
        if len(answer) == length:
            return answer
    raise RuntimeError("the model stopped")


def measure_server(model, job, threads, layout, slots):
    """Run the job through llama.cpp's server, a round's seats at once."""
    import xllamacpp

    parameters = xllamacpp.CommonParams()
    parameters.model.path = model
    parameters.n_parallel = slots
    parameters.kv_unified = True
    parameters.n_ctx = job.seats * job.window  # it shares no memory between slots
    parameters.n_gpu_layers = 0
    if threads:
        parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = threads
    parameters.port = 0
    parameters.verbosity = -1
    server = xllamacpp.Server(parameters)

    def ask(prompt, length):
        body = {"prompt": prompt, "n_predict": length, "temperature": 0, "cache_prompt": True, "return_tokens": True, "ignore_eos": True}
        request = Request(f"{server.listening_address}/completion", json.dumps(body).encode(), {"content-type": "application/json"})
        with urlopen(request) as answer:
            return json.load(answer)

    ask([1, 2, 3], 4)
    with ThreadPoolExecutor(job.seats) as callers:
        began, heard, prefilled = time.perf_counter(), [], 0
        for _ in range(job.rounds):
            prompts = [job.prompt(seat, heard, persona_first=layout == "first") for seat in range(job.seats)]
            answers = list(callers.map(lambda prompt: ask(prompt, job.answer), prompts))
            prefilled += sum(answer["timings"]["prompt_n"] for answer in answers)
            heard += [token for answer in answers for token in answer["tokens"]]
        seconds = time.perf_counter() - began
    return {"seconds": seconds, "prefilled": prefilled, "generated": len(heard)}


def measure(peer, model, job, threads, gpu_layers):
    """Run the job on one peer, in this process."""
    if peer.startswith("mallku"):
        return measure_mallku(model, job, threads, gpu_layers, own_kernel=peer == "mallku")
    if peer.startswith("llama"):
        return measure_llama(model, job, threads, gpu_layers, peer.rpartition("-")[2])
    return measure_server(model, job, threads, peer.rpartition("-")[2], 1 if "one-slot" in peer else job.seats)


def measure_apart(peer, model, job, options):
    """Run the job on one peer, in a child process."""
    command = [sys.executable, __file__, "--child", json.dumps([peer, str(model), asdict(job), options.threads, options.gpu_layers])]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    if answer.returncode:
        raise RuntimeError(f"{peer} failed: {answer.stderr[-2000:]}")
    return json.loads(answer.stdout.splitlines()[-1])


def compare(name, model, job, options):
    """Print the table of one model, medians over the repeats."""
    runs = {peer: [] for peer in options.peers}
    for _ in range(options.repeats):
        for peer in options.peers:
            runs[peer].append(measure_apart(peer, model, job, options))
    ours, our_cpu = (statistics.median(run[key] for run in runs["mallku"]) for key in ("seconds", "cpu"))
    print(f"\n{name}: {job.seats} seats x {job.rounds} rounds x {job.answer} tokens, {options.threads} threads, least prefill {job.least}")
    print(f"{'':24}{'seconds':>9}{'ratio':>7}{'cpu s':>8}{'ratio':>7}{'prefilled':>11}{'tokens/s':>10}")
    for peer, measured in runs.items():
        seconds = statistics.median(run["seconds"] for run in measured)
        cpu = statistics.median(run["cpu"] for run in measured)
        first = measured[0]
        times = f"{seconds:9.2f}{seconds / ours:7.2f}{cpu:8.2f}{cpu / our_cpu:7.2f}"
        print(f"{peer:24}{times}{first['prefilled']:11}{first['generated'] / seconds:10.0f}", flush=True)
    steps = [{key: value for key, value in run.items() if key.endswith("per_step")} for run in runs["mallku"]]
    print("a step: " + ", ".join(f"{key} {statistics.median(step[key] for step in steps):.3f}" for key in steps[0]), flush=True)


def scale(name, model, options):
    """Print how the engine's cost grows."""
    print(f"\n{name}: how cost grows")
    jobs = [Job(seats=seats, rounds=2) for seats in (1, 2, 4, 8, 16, 32)] + [Job(rounds=rounds) for rounds in range(1, 9)]
    for job in jobs:
        run = measure_apart("mallku", model, job, options)
        print(
            f"{job.seats:3} seats {job.rounds:2} rounds {run['seconds']:8.2f} s {run['generated'] / run['seconds']:7.0f} tokens/s "
            f"prefilled {run['prefilled']:6} of at least {job.least:6}, own work {run['own_ms_per_step']:.3f} ms a step",
            flush=True,
        )


def spin():
    """Keep one core busy."""
    while True:
        pass


def main():
    """Read the command line and measure."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--sizes", default="bundled,0.1b,0.5b", type=lambda text: text.split(","))
    parser.add_argument("--peers", default=",".join(PEERS), type=lambda text: text.split(","))
    parser.add_argument("--repeats", default=3, type=int)
    parser.add_argument("--threads", default=len(os.sched_getaffinity(0)), type=int)
    parser.add_argument("--gpu-layers", default=0, type=int)
    parser.add_argument("--scaling", action="store_true")
    parser.add_argument("--busy", action="store_true")
    for field, value in asdict(Job()).items():
        parser.add_argument(f"--{field}", default=value, type=int)
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        peer, model, job, threads, gpu_layers = json.loads(options.child)
        before = time.process_time()
        run = measure(peer, model, Job(**job), threads or None, gpu_layers)
        print(json.dumps({**run, "cpu": time.process_time() - before}))
        sys.stdout.flush()
        os._exit(0)  # xllamacpp's server waits for clients when it is torn down
    job = Job(**{field: getattr(options, field) for field in asdict(Job())})
    spinners = [multiprocessing.Process(target=spin, daemon=True) for _ in range(os.cpu_count() if options.busy else 0)]
    for spinner in spinners:
        spinner.start()
    with tempfile.TemporaryDirectory() as folder:
        for name in options.sizes:
            if name == "bundled":
                model = Path(__file__).resolve().parents[2] / "mallku" / "tiny" / "rehearsal.gguf"
                named = Job(rounds=2, answer=48)
            else:
                architecture, size = SIZES[name]
                model, named = write_transformer(Path(folder) / f"{name}.gguf", architecture, with_length(size)), job
            if options.scaling:
                scale(name, model, options)
            else:
                compare(name, model, named, options)


def with_length(size):
    """Let the model read long prompts."""
    return Size(**{**asdict(size), "trained_length": TRAINED_LENGTH})


if __name__ == "__main__":
    main()
