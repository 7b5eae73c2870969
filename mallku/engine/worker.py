"""The worker: the one thread that talks to llama.cpp. It plans, computes, samples and delivers, step after step."""

import asyncio
import contextlib
import itertools
import os
import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from mallku.engine.decoder import Decoder, LoadDecoder, SamplerHandle
from mallku.engine.json_grammar import json_grammar
from mallku.engine.mailbox import Mailbox
from mallku.engine.planner import Drop, Limits, Planner, Run, Step
from mallku.engine.request import EndReason, EngineRequest, EngineResult, EngineStatistics, TextPiece, TokenLogprob
from mallku.engine.text_assembly import TextAssembly
from mallku.errors import EngineCrashed, MallkuError

Outcome = TextPiece | EngineResult | MallkuError
"""What a request is told: new text, its end, or why it failed."""

Found = TypeVar("Found")


@dataclass(slots=True, kw_only=True, eq=False)
class Job:
    """A request on its way through the engine."""

    request: EngineRequest
    """What was asked."""
    tokens: Sequence[int]
    """Its prompt."""
    max_tokens: int
    """Most tokens of its answer."""
    outcomes: Mailbox[Outcome] = field(default_factory=Mailbox)
    """Where the outcomes arrive, in order."""
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.get_running_loop)
    """The event loop of that queue."""
    asked_at: float = field(default_factory=time.perf_counter)
    """When it was asked, by `time.perf_counter`."""
    ticket: int = 0
    """Its number, given when it is submitted."""


@dataclass(slots=True, eq=False)
class _Progress:
    """What has come of a job so far."""

    job: Job
    sampler: SamplerHandle
    assembly: TextAssembly
    tokens: list[int] = field(default_factory=list)
    logprobs: list[TokenLogprob] = field(default_factory=list)
    told_logprobs: int = 0
    first_token_at: float = 0.0
    compute_s: float = 0.0


class Worker:
    """Runs a decoder on a thread of its own, which also loads and frees it."""

    def __init__(self, load: LoadDecoder) -> None:
        self._load = load
        self._commands: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._tickets = itertools.count(1)
        self._jobs: dict[int, _Progress] = {}
        self._deliveries: dict[asyncio.AbstractEventLoop, list[tuple[Job, Outcome]]] = {}
        self._ordering = threading.Lock()
        self._is_open = True
        self._process = os.getpid()
        self._steps = self._requests = self._prefilled = self._generated = self._shared = 0
        self._decode_s = self._sample_s = self._own_s = 0.0
        self._native_s = 0.0
        """Processor seconds of this thread inside llama.cpp; what is left of the thread's time is our own work."""
        self._decoder: Decoder
        self._planner: Planner
        self._thread: threading.Thread | None = None

    @property
    def is_open(self) -> bool:
        """Whether it takes jobs."""
        return self._is_open

    async def start(self, on_progress: Callable[[float], None]) -> Decoder:
        """Load the decoder on the thread. Cancelling this gives up the loading."""
        loop = asyncio.get_running_loop()
        loaded: asyncio.Future[Decoder] = loop.create_future()

        def tell(share: float) -> bool:
            _post(loop, on_progress, share)
            return self._is_open

        def live() -> None:
            outcome: Decoder | MallkuError = _faulty()
            try:
                outcome = self._decoder = self._load(tell)
            except MallkuError as error:
                outcome = error
            finally:
                self._is_open = self._is_open and not isinstance(outcome, MallkuError)
                _post(loop, _settle, loaded, outcome)
            if not isinstance(outcome, MallkuError):
                self._live()

        self._thread = threading.Thread(target=live, name="mallku-engine", daemon=True)
        self._thread.start()
        try:
            return await loaded
        except asyncio.CancelledError:
            self._stop()
            raise

    def submit(self, job: Job) -> None:
        """Queue a job."""
        job.ticket = next(self._tickets)
        self._order(lambda: self._begin(job))

    def cancel(self, job: Job) -> None:
        """Stop a job before the next step; it is told nothing more."""
        with contextlib.suppress(EngineCrashed):
            self._order(lambda: self._drop(job.ticket))

    async def call(self, work: Callable[[Decoder], Found]) -> Found:
        """Run something on the thread between two steps."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[Found] = loop.create_future()

        def run() -> None:
            outcome: object = _closed()
            try:
                if self._is_open:
                    outcome = work(self._decoder)
            except MallkuError as error:
                outcome = error
            finally:
                _post(loop, _settle, done, outcome)

        self._order(run)
        return await done

    async def close(self) -> None:
        """End all jobs with `EngineCrashed`, free the decoder, and wait for the thread's end."""
        if self._thread is not None:
            self._stop()
            await asyncio.to_thread(self._thread.join)

    def _order(self, command: Callable[[], None]) -> None:
        """Have a command carried out on the thread. Under the lock, so that none comes after the last ones were carried out."""
        if self._process != os.getpid():
            raise EngineCrashed(
                f"The engine lives in process {self._process}, from which this one, {os.getpid()}, was forked.",
                hint="Load an engine after forking, or start processes with 'spawn'.",
            )
        with self._ordering:
            if not self._is_open:
                raise _closed()
            self._commands.put(command)

    def _stop(self) -> None:
        """Let the thread, or the loading on it, come to its end."""
        self._is_open = False
        self._commands.put(_wake_up)

    def statistics(self) -> EngineStatistics:
        """Return the sums so far. To be called on the thread."""
        return EngineStatistics(
            requests=self._requests,
            steps=self._steps,
            prefilled_tokens=self._prefilled,
            shared_tokens=self._shared,
            generated_tokens=self._generated,
            decode_s=self._decode_s,
            sample_s=self._sample_s,
            own_s=self._own_s,
            cells_used=self._planner.tree.cells,
            cells_active=self._planner.cells_active,
        )

    # --- on the thread

    def _live(self) -> None:
        reason = _faulty()
        self._new_planner()
        try:
            while self._is_open:
                self._obey(wait=self._planner.is_idle)
                began, native = time.thread_time(), self._native_s
                if self._is_open:
                    self._step()
                self._deliver()
                self._own_s += time.thread_time() - began - (self._native_s - native)
            reason = _closed()
        finally:
            self._end(reason)

    def _obey(self, *, wait: bool) -> None:
        """Carry out the commands that have come; with `wait`, at least one."""
        while wait or not self._commands.empty():
            self._commands.get()()
            wait = False

    def _new_planner(self) -> None:
        facts = self._decoder.facts
        limits = Limits(
            cells=facts.cells,
            sequences=facts.sequences,
            parallel=facts.parallel,
            batch_tokens=facts.batch_tokens,
            prefill_chunk=facts.prefill_chunk,
            shares=facts.shares_prefixes,
        )
        self._planner = Planner(limits)

    def _begin(self, job: Job) -> None:
        request = job.request
        try:
            if not self._is_open:
                raise _closed()
            grammar = json_grammar(request.schema) if request.schema is not None else request.grammar
            sampler = self._decoder.new_sampler(request.sampling, grammar)
        except MallkuError as error:
            self._tell(job, error)
            return
        self._jobs[job.ticket] = _Progress(job, sampler, TextAssembly(request.stop))
        self._planner.submit(job.ticket, job.tokens, job.max_tokens)
        self._requests += 1

    def _drop(self, ticket: int) -> None:
        progress = self._jobs.pop(ticket, None)
        if progress is not None:
            self._planner.cancel(ticket)
            self._decoder.free_sampler(progress.sampler)

    def _end(self, reason: EngineCrashed) -> None:
        """Tell everyone who waits, also if the thread ends by a fault, and free the decoder."""
        with self._ordering:
            self._is_open = False
        self._fail_all(reason)
        self._obey(wait=False)
        self._deliver()
        self._decoder.close()

    def _fail_all(self, error: MallkuError) -> None:
        for ticket, progress in list(self._jobs.items()):
            self._tell(progress.job, error)
            self._drop(ticket)

    def _step(self) -> None:
        """Plan one step, compute it, and sample."""
        step = self._planner.next_step()
        for operation in step.operations:
            self._decoder.change_memory(operation)
        self._steps += bool(step.runs)
        for runs in self._batches(step):
            began, thread_began = time.perf_counter(), time.thread_time()
            try:
                rows = self._decoder.decode(runs)
            except EngineCrashed as error:
                self._recover(error)
                return
            seconds = time.perf_counter() - began
            self._native_s += time.thread_time() - thread_began
            self._planner.computed(runs)
            self._count(runs, seconds)
            for run, row in zip(runs, rows, strict=True):
                if row >= 0:
                    self._sample(self._jobs[run.ticket], row)

    def _batches(self, step: Step) -> list[Sequence[Run]]:
        """Split a step where llama.cpp computes a few sequences faster one after the other."""
        if len(step.runs) < self._decoder.facts.smallest_batch and not any(run.is_prompt for run in step.runs):
            return [(run,) for run in step.runs]
        return [step.runs] if step.runs else []

    def _count(self, runs: Sequence[Run], seconds: float) -> None:
        self._decode_s += seconds
        per_token = seconds / sum(len(run.tokens) for run in runs)
        for run in runs:
            self._jobs[run.ticket].compute_s += per_token * len(run.tokens)
            if run.is_prompt:
                self._prefilled += len(run.tokens)

    def _recover(self, error: EngineCrashed) -> None:
        """Begin anew with an empty memory after a step that could not be computed."""
        self._fail_all(error)
        for sequence in range(self._decoder.facts.sequences):
            self._decoder.change_memory(Drop(sequence))
        self._new_planner()

    def _sample(self, progress: _Progress, row: int) -> None:
        """Choose a job's next token and see what follows from it."""
        job = progress.job
        began, thread_began = time.perf_counter(), time.thread_time()
        try:
            token = self._decoder.sample(progress.sampler, row)
        except MallkuError as error:
            self._tell(job, error)
            self._drop(job.ticket)
            return
        now = time.perf_counter()
        self._sample_s += now - began
        self._native_s += time.thread_time() - thread_began
        self._generated += 1
        progress.first_token_at = progress.first_token_at or now
        if self._decoder.is_end(token) and not job.request.ignores_end:
            self._finish(progress, "stop", ended_by_token=True)
            return
        progress.tokens.append(token)
        if job.request.logprobs is not None:
            progress.logprobs.append(self._logprob(row, token, job.request.logprobs))
        new = progress.assembly.push(self._decoder.piece(token))
        if progress.assembly.is_stopped:
            self._finish(progress, "stop", new)
        elif len(progress.tokens) >= job.max_tokens:
            self._finish(progress, "length", new)
        else:
            self._planner.accept(job.ticket, token)
            if new and not job.request.is_whole:
                self._tell(job, self._piece(progress, new))

    def _piece(self, progress: _Progress, text: str) -> TextPiece:
        logprobs = tuple(progress.logprobs[progress.told_logprobs :])
        progress.told_logprobs = len(progress.logprobs)
        return TextPiece(text=text, logprobs=logprobs)

    def _logprob(self, row: int, token: int, count: int) -> TokenLogprob:
        (own, *best) = [
            TokenLogprob(token=found, text=self._decoder.piece(found).decode("utf-8", errors="replace"), logprob=logprob)
            for found, logprob in self._decoder.logprobs(row, token, count)
        ]
        return TokenLogprob(token=own.token, text=own.text, logprob=own.logprob, alternatives=tuple(best))

    def _finish(self, progress: _Progress, reason: EndReason, new: str = "", *, ended_by_token: bool = False) -> None:
        job, now = progress.job, time.perf_counter()
        text = new + progress.assembly.end()
        shared = self._planner.shared_tokens(job.ticket)
        self._shared += shared
        self._planner.finish(job.ticket)
        self._decoder.free_sampler(progress.sampler)
        del self._jobs[job.ticket]
        if not job.request.is_whole and (text or progress.told_logprobs < len(progress.logprobs)):
            self._tell(job, self._piece(progress, text))
        result = EngineResult(
            text=progress.assembly.text,
            tokens=tuple(progress.tokens),
            end_reason="stop" if progress.assembly.is_stopped else reason,
            prompt_tokens=len(job.tokens),
            shared_tokens=shared,
            completion_tokens=len(progress.tokens) + ended_by_token,
            first_token_s=progress.first_token_at - job.asked_at,
            total_s=now - job.asked_at,
            compute_s=progress.compute_s,
            stop_text=progress.assembly.stopped_by,
            logprobs=tuple(progress.logprobs),
        )
        self._tell(job, result)

    def _tell(self, job: Job, outcome: Outcome) -> None:
        self._deliveries.setdefault(job.loop, []).append((job, outcome))

    def _deliver(self) -> None:
        """Hand over what happened since the last time: one wake-up for each event loop, however many requests it has."""
        for loop, outcomes in self._deliveries.items():
            _post(loop, _put_all, outcomes)
        self._deliveries = {}


def _closed() -> EngineCrashed:
    return EngineCrashed("The engine is closed.", hint="Load it again.")


def _faulty() -> EngineCrashed:
    return EngineCrashed("The engine's thread ended by a fault of mallku; its traceback went to stderr.", hint="Please report this.")


def _wake_up() -> None:
    """Do nothing: a command only to make the thread look whether it is to stop."""


def _post(loop: asyncio.AbstractEventLoop, call: Callable[..., None], *arguments: object) -> None:
    """Call something on an event loop, unless that loop is gone."""
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(call, *arguments)


def _settle(future: asyncio.Future[Any], outcome: object) -> None:
    if future.done():
        return
    if isinstance(outcome, MallkuError):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)


def _put_all(outcomes: Sequence[tuple[Job, Outcome]]) -> None:
    for job, outcome in outcomes:
        job.outcomes.put(outcome)
