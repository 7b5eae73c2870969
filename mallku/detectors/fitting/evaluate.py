"""Print how good the detectors are on the development data: `python -m mallku.detectors.fitting.evaluate [--data DIR]`."""

import argparse
import gc
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mallku.detectors.default import default_panel
from mallku.detectors.detector import Detector, JudgedTurn, judged_turn
from mallku.detectors.fitting import fit, replies
from mallku.detectors.fitting.corpora import DEFAULT, PRACTICE, Labelled, control_pairs, has, labelled, rows
from mallku.detectors.fitting.learning import (
    Array,
    Hashed,
    Mask,
    auc,
    best_f1,
    calibration,
    fit_hashed,
    interval,
    out_of_fold,
    pearson,
    spearman,
)
from mallku.detectors.fitting.wording import Shown
from mallku.detectors.reason_index import ReasonIndex, reason_index
from mallku.detectors.reciprocity import ReciprocityDetector
from mallku.detectors.sovereignty import SovereigntyDetector, stance_weights, together
from mallku.detectors.topics import TOPICS
from mallku.detectors.uptake import uptake_features
from mallku.detectors.wording import Wording


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table."""

    measure: str
    """What was measured, on which data."""
    figure: float
    """The figure."""
    low: float | None = None
    """Lower end of its 95 % bootstrap interval, or None."""
    high: float | None = None
    """Upper end."""
    target: str = ""
    """What was aimed at."""
    count: int = 0
    """Number of cases."""
    how: str = ""
    """How fitted parts were kept from seeing the cases they are tested on."""


def evaluate(folder: Path) -> Iterator[Row]:
    """Yield the rows of the table, one part after the other."""
    items = labelled(folder)
    shown = Shown(items, folder)
    yield from _stance(shown, folder)
    yield from _reciprocity(items)
    yield from _topics(shown)
    yield from _hashed(folder)
    yield from _uptake(folder)
    yield from _replies(folder)
    yield from _reasons(folder)
    yield from _latency(folder)


def _turn(item: Labelled) -> JudgedTurn:
    return judged_turn(item.text, previous=item.previous)


TRICKS = frozenset(("plain", "practice", "off_topic", "other_language", "long", "bureaucratic", "oral", "nominal", "passive", "pronoun"))
"""Kinds of statement that try no trick."""
FOOLED = 0.3
"""Stance from which on a statement without a side counts as having fooled the detector."""


def _stance(shown: Shown, folder: Path) -> Iterator[Row]:
    how = "the whole set left out of the fit; its rules were read and mended after it was first seen"
    sources = np.array([item.source for item in shown.items])
    fooled: list[bool] = []
    ordered: list[float] = []
    for source in dict.fromkeys(item.source for item in shown.items if item.source not in PRACTICE):
        own = sources == source
        figures = shown.without(own, (source,))
        judged = [
            together(float(ruled[0]), float(ruled[1]), Wording(tuple(map(float, row)), {}))
            for ruled, row in zip(shown.ruled[own], figures, strict=True)
        ]
        stances = np.array([stance if presence >= threshold else 0.0 for stance, presence, threshold in judged])
        absent = shown.absent[own] == 1
        yield _row(f"sovereignty rho, {source}", spearman, shown.stances[own][~absent], stances[~absent], target=">= .60", how=how)
        alarms = np.array([presence >= threshold for _, presence, threshold in judged])[absent]
        yield Row(measure=f"sovereignty null alarms, {source}", figure=float(alarms.mean()), target="<= .15", count=len(alarms), how=how)
        for item, stance in zip((item for item in shown.items if item.source == source), stances, strict=True):
            if item.kind not in TRICKS:
                side = item.sovereignty or 0.0
                fooled.append(abs(stance) > FOOLED if side == 0 else stance * side < 0 and abs(stance) > 0.1)  # noqa: PLR2004 - as good as no side
        ordered.extend(_order(shown, source))
    yield Row(measure="sovereignty, share fooled by tricks", figure=float(np.mean(fooled)), target="<= .10", count=len(fooled), how=how)
    yield Row(measure="sovereignty, twins in order", figure=float(np.mean(ordered)), target=">= .85", count=len(ordered), how=how)
    detector = SovereigntyDetector()
    pairs = control_pairs(folder)
    sides = [[detector.judge(judged_turn(text)).raw or 0.0 for text in pair] for pair in pairs]
    right = np.array([1.0 if claims > cedes else 0.5 if claims == cedes else 0.0 for claims, cedes in sides])
    low, high = interval(lambda chosen: float(right[chosen].mean()), len(right))
    yield Row(
        measure="sovereignty pairs, control_pairs",
        figure=float(right.mean()),
        low=low,
        high=high,
        target=">= .90",
        count=len(right),
        how="part of the fit",
    )


def _order(shown: Shown, source: str) -> Iterator[float]:
    """Tell for each pair of twins of a set whether they are in order, judged by a fit without the set; a tie counts half."""
    weights = stance_weights()
    for ruled, worded in shown.twins_without(source):
        gap = weights["rules"] * ruled + weights["wording"] * worded
        yield 1.0 if gap > 0 else 0.5 if gap == 0 else 0.0


def _reciprocity(items: list[Labelled]) -> Iterator[Row]:
    spoken = [item for item in items if item.reciprocity is not None]
    found = [fit.compared(item) for item in spoken]
    truth = np.array([item.reciprocity for item in spoken], dtype=float)
    caps = np.array([min((bound for _, bound in one.caps), default=1.0) for one in found])
    scenes = [repr(item.previous) for item in spoken]
    _, matrix = fit.fit_matrix([one.features for one in found])
    names = sorted({name for one in found for name in one.features})

    def predict(left_out: Mask) -> Array:
        weights = fit.statement_weights([item for item, out in zip(spoken, left_out, strict=True) if not out])
        figures: Array = matrix[left_out] @ np.array([weights.get(name, 0.0) for name in names]) + weights["bias"]
        return figures

    figures = np.clip(out_of_fold(scenes, 10, predict), 0, caps)
    yield _row("reciprocity rho, all statements", spearman, truth, figures, target=">= .65", how="10 folds by scene")
    official = np.array([item.source == "mallku_dev" for item in spoken])
    yield _row("reciprocity rho, mallku_dev", spearman, truth[official], figures[official], target=">= .65", how="10 folds by scene")
    right: list[bool] = []
    detector = ReciprocityDetector()
    for item in spoken:
        engaged = {name for name, _ in detector.judge(_turn(item)).engages}
        right.extend((name in engaged) == (name in item.engages) for name in dict.fromkeys(name for name, _ in item.previous))
    yield Row(
        measure="engages accuracy, all statements", figure=float(np.mean(right)), count=len(right), how="fitted on the same statements"
    )


def _topics(shown: Shown) -> Iterator[Row]:
    items = shown.items
    groups = [repr(item.previous) if item.previous else item.id for item in items]
    wording = shown.held_out()
    for place, topic in enumerate(TOPICS):
        maps = fit.topic_maps(items, topic, wording[:, 2 + place])
        truth = np.array([float(item.topics[topic]) for item in items])

        def predict(left_out: Mask, maps: list[dict[str, float]] = maps, truth: Array = truth) -> Array:
            model = fit.topic_model([one for one, out in zip(maps, left_out, strict=True) if not out], truth[~left_out])
            chosen = [one for one, out in zip(maps, left_out, strict=True) if out]
            return np.array([model["bias"] + sum(model.get(name, 0.0) * value for name, value in one.items()) for one in chosen])

        odds = out_of_fold(groups, 10, predict)
        tested = np.array([item.source not in PRACTICE for item in items])
        yield _row(f"{topic} AUC, all sets", auc, truth[tested], odds[tested], target=">= .85", how="10 folds by scene")
        brier, error, table = calibration(truth[tested], 1 / (1 + np.exp(-odds[tested])))
        yield Row(
            measure=f"{topic} ECE (Brier {brier:.3f})", figure=error, target="<= .08", count=int(tested.sum()), how=_reliability(table)
        )


def _reliability(table: list[tuple[float, float, int]]) -> str:
    return "reliability " + " ".join(f"{mean:.2f}:{share:.2f}({count})" for mean, share, count in table)


def _hashed(folder: Path) -> Iterator[Row]:
    targets = fit.hashed_targets(folder)
    wanted = {"probing": ">= .95", "agreement": ">= .94", "receptiveness": ">= .45"}
    for name, target in wanted.items():
        texts, truth, groups, logistic = targets[name]
        hashed = Hashed(texts)

        def predict(left_out: Mask, hashed: Hashed = hashed, truth: Array = truth, name: str = name, *, logistic: bool = logistic) -> Array:
            weights, bias = fit_hashed(
                hashed.where(~left_out), truth[~left_out], penalty=fit.penalty_of(name), steps=300, logistic=logistic
            )
            return hashed.where(left_out).times(weights) + bias

        figures = out_of_fold(groups, 5, predict)
        if not logistic:
            yield _row(f"{name} r, replies", pearson, truth, figures, target=target, how="5 folds")
            continue
        yield _row(f"{name} AUC, DeliData", auc, truth, figures, target=target, how="5 folds by group")
        yield Row(
            measure=f"{name} F1, DeliData",
            figure=best_f1(truth, figures),
            target=">= .75",
            count=len(truth),
            how="5 folds by group, best threshold",
        )
        _, error, table = calibration(truth, 1 / (1 + np.exp(-figures)))
        yield Row(measure=f"{name} ECE, DeliData", figure=error, target="<= .08", count=len(truth), how=_reliability(table))


def _uptake(folder: Path) -> Iterator[Row]:
    lessons = [row for row in rows(folder, "uptake_ncte/uptake_data.csv") if row["uptake_zscore"]]
    truth = np.array([float(row["uptake_zscore"]) for row in lessons])
    wording = fit.held_out_wording(folder)
    maps = [
        uptake_features(row["student_text"], row["teacher_text"]) | {"wording": figure}
        for row, figure in zip(lessons, wording, strict=True)
    ]

    def predict(left_out: Mask) -> Array:
        kept = [row for row, out in zip(lessons, left_out, strict=True) if not out]
        model = fit.uptake_model(kept, wording[~left_out])
        chosen = [one for one, out in zip(maps, left_out, strict=True) if out]
        return np.array([model["bias"] + sum(model.get(name, 0.0) * value for name, value in one.items()) for one in chosen])

    figures = out_of_fold([row["obs_id"] for row in lessons], 10, predict)
    yield _row("uptake rho, NCTE lessons", spearman, truth, figures, target=">= .54", how="10 folds by classroom")


def _replies(folder: Path) -> Iterator[Row]:
    """Whom a turn answers, against the guess that it is always the last other speaker; parts that are tested are left out of the fit."""
    if not replies.has_data(folder):
        return
    chats = {
        channel: (replies.counted(replies.chat(folder, channel)), replies.counted(replies.nameless(replies.chat(folder, channel))))
        for channel in replies.CHANNELS
    }
    talk = {split: replies.counted(replies.meetings(folder, split)) for split in ("train", "val")}
    plain, bare = [], []
    for channel, (written, nameless) in chats.items():
        rest = [(part, replies.CHAT_WEIGHT) for other, parts in chats.items() if other != channel for part in parts]
        weights = replies.fitted([(talk["train"], 1.0), (talk["val"], 1.0), *rest])
        plain.append(replies.hits(written, replies.by_weights(written, weights)))
        bare.append(replies.hits(nameless, replies.by_weights(nameless, weights)))
    weights = replies.fitted([(talk["train"], 1.0), *((part, replies.CHAT_WEIGHT) for parts in chats.values() for part in parts)])
    ranked = replies.hits(talk["val"], replies.by_weights(talk["val"], weights))
    yield _answered(
        "chat", np.concatenate(plain), [parts[0] for parts in chats.values()], target=">= .62", how="each channel by the others"
    )
    yield _answered("chat without names", np.concatenate(bare), [parts[1] for parts in chats.values()], target="", how="as above")
    yield _answered("meetings", ranked, [talk["val"]], target=">= .83", how="12 meetings held out")


def _answered(what: str, right: Array, cases: list[replies.Cases], *, target: str, how: str) -> Row:
    last = float(np.concatenate([replies.hits(one, lambda _: 0) for one in cases]).mean())
    low, high = interval(lambda chosen: float(right[chosen].mean()), len(right))
    return Row(
        measure=f"answered speaker, {what}",
        figure=float(right.mean()),
        low=low,
        high=high,
        target=target,
        count=len(right),
        how=f"{how}; the last other speaker is right in {last:.2f}",
    )


def _reasons(folder: Path) -> Iterator[Row]:
    """Compare the index with the source's figures; the corrected form must rise with deliberation as well."""
    if not has(folder, "dri_surveys/human_data.csv"):
        return
    groups: dict[tuple[str, str, str], list[dict[str, str]]] = {}
    for row in rows(folder, "dri_surveys/human_data.csv"):
        groups.setdefault((row["case"], row["survey"], row["stage_id"]), []).append(row)
    values: dict[str, list[ReasonIndex]] = {}
    for (_, _, stage), people in sorted(groups.items()):
        columns = {
            letter: [
                name
                for name in people[0]
                if name[0] == letter and name[1:].isdigit() and all(row[name] not in {"", "NA"} for row in people)
            ]
            for letter in "CP"
        }
        index = reason_index(*([[float(row[name]) for name in columns[letter]] for row in people] for letter in "CP"))
        if index:
            values.setdefault(stage, []).append(index)
    for stage, name, plain, corrected in (("1.0", "before", ".292", ".246"), ("2.0", "after", ".394", ".363")):
        figures = {"plain": [one.value for one in values[stage]], "corrected": [one.corrected for one in values[stage]]}
        for kind, known in (("plain", plain), ("corrected", corrected)):
            yield Row(
                measure=f"Deliberative Reason Index {name}, {kind}",
                figure=float(np.mean(figures[kind])),
                target=f"= {known}",
                count=len(figures[kind]),
                how="figure of the source" if kind == "plain" else "the source's corrected formula, computed apart",
            )


def _latency(folder: Path) -> Iterator[Row]:
    said = [row["text"] for row in rows(folder, "polis_opendata/comments.csv")][:10_000]
    panel = default_panel()
    turns = [
        judged_turn(
            text, previous=[(f"S{(index - back) % 4}", said[index - back]) for back in (3, 2, 1) if index >= back], speaker=f"S{index % 4}"
        )
        for index, text in enumerate(said)
    ]
    for name, detectors, target in (
        ("tier 1 (stance by rules)", (SovereigntyDetector(wording=False),), "<= .15"),
        ("tiers 1 and 2 (whole panel)", panel.detectors, "<= 1"),
    ):
        spent = np.array(list(_spent(turns, detectors)))
        for share, label in ((0.5, "p50"), (0.95, "p95")):
            yield Row(
                measure=f"milliseconds {label}, {name}",
                figure=float(np.quantile(spent, share)),
                target=target if label == "p95" else "",
                count=len(spent),
                how="Polis statements with three earlier turns, processor time",
            )


def _spent(turns: list[JudgedTurn], detectors: tuple[Detector, ...]) -> Iterator[float]:
    gc.freeze()
    for turn in turns:
        begin = time.thread_time()
        for detector in detectors:
            detector.judge(turn)
        yield (time.thread_time() - begin) * 1000
    gc.unfreeze()


def _row(measure: str, of: Callable[[Array, Array], float], truth: Array, figures: Array, *, target: str, how: str) -> Row:
    low, high = interval(lambda chosen: of(truth[chosen], figures[chosen]), len(truth))
    return Row(measure=measure, figure=of(truth, figures), low=low, high=high, target=target, count=len(truth), how=how)


def main() -> None:
    """Read the arguments and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DEFAULT, help="folder of development data")
    print(f"{'measure':46} {'figure':>7} {'95 % interval':>16} {'aim':>8} {'cases':>6}  how")  # noqa: T201 - the table is what this program is for
    for row in evaluate(parser.parse_args().data):
        span = "" if row.low is None or row.high is None else f"{row.low:.3f} to {row.high:.3f}"
        print(f"{row.measure:46} {row.figure:7.3f} {span:>16} {row.target:>8} {row.count:6}  {row.how}", flush=True)  # noqa: T201 - as above


if __name__ == "__main__":
    main()
