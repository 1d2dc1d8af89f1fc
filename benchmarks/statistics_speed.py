"""DeLong's test, the cluster bootstrap and reader studies, beside R's pROC and Python packages.

Every contender answers the same question about the same data, and its answer is kept beside its
time. pROC is timed within R, without the start of R or the reading of the data; without ``Rscript``
its row is left out.
"""

from __future__ import annotations

import argparse
import json
import math
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from confidenceinterval.delong import fastDeLong
from measuring import Timing, interleaved, seconds, write_result
from MLstatkit import Delong_test
from scipy.stats import bootstrap as scipy_bootstrap

from plexor import stats

PROC = """
suppressMessages(library(pROC))
read <- function(name) readBin(file.path("{folder}", name), "double", {n})
truth <- read("truth"); a <- read("a"); b <- read("b")
start <- proc.time()
first <- roc(truth, a, levels = c(0, 1), direction = "<", quiet = TRUE)
second <- roc(truth, b, levels = c(0, 1), direction = "<", quiet = TRUE)
test <- roc.test(first, second, method = "delong")
took <- proc.time() - start
cat(jsonlite::toJSON(list(
  cpu = took[["user.self"]] + took[["sys.self"]], wall = took[["elapsed"]],
  answer = test$statistic[[1]], version = as.character(packageVersion("pROC"))
), digits = NA, auto_unbox = TRUE))
"""

Answers = dict[str, float]


def kept(answers: Answers, name: str, call: Callable[[], float]) -> Callable[[], None]:
    def run() -> None:
        answers[name] = float(call())

    return run


def rows(
    what: str,
    answer: str,
    timings: Mapping[str, list[Timing]],
    answers: Answers,
) -> list[dict[str, object]]:
    return [
        {
            "what": what,
            "name": name,
            "seconds": seconds(times),
            "answer": f"{answer} = {answers[name]:.10g}",
        }
        for name, times in timings.items()
    ]


def delong(n: int, repeats: int) -> list[dict[str, object]]:
    """z of the paired test: n cases, a fifth positive, scores to three digits and so tied."""
    rng = np.random.default_rng(0)
    truth = rng.random(n) < 0.2
    base = rng.normal(size=n) + 1.2 * truth
    a, b = (np.round(base + rng.normal(size=n) * s, 3) for s in (0.5, 0.6))
    answers: Answers = {}
    labels = truth.astype(int)

    def fast() -> float:
        order = np.argsort(-labels, kind="stable")
        areas, spread = fastDeLong(np.stack([a, b])[:, order], int(labels.sum()), None)
        return (areas[0] - areas[1]) / math.sqrt(spread[0, 0] + spread[1, 1] - 2 * spread[0, 1])

    calls = {
        "plexor": kept(answers, "plexor", lambda: stats.delong_test(truth, a, b).statistic),
        # Its z is of the second model minus the first.
        "MLstatkit": kept(answers, "MLstatkit", lambda: Delong_test(labels, b, a)[0]),
        "confidenceinterval": kept(answers, "confidenceinterval", fast),
    }
    timings = interleaved(calls, repeats)
    if shutil.which("Rscript"):
        found = [proc(truth, a, b) for _ in range(repeats)]
        answers["pROC (R)"] = found[0][1]
        timings["pROC (R)"] = [timing for timing, _ in found]
    return rows(f"paired DeLong, n = {n:,}", "z", timings, answers)


def proc(*columns: np.ndarray) -> tuple[Timing, float]:
    with tempfile.TemporaryDirectory() as folder:
        for name, column in zip(("truth", "a", "b"), columns, strict=True):
            column.astype("<f8").tofile(Path(folder) / name)
        script = PROC.format(folder=folder, n=columns[0].size)
        done = subprocess.run(["Rscript", "-e", script], capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    print(f"pROC {found['version']}: {found['wall']:.3f} s", flush=True)
    return Timing(wall=found["wall"], cpu=found["cpu"]), found["answer"]


def cluster_bootstrap(repeats: int) -> list[dict[str, object]]:
    """Upper BCa limit of a mean; SciPy, which knows no groups, gets the means of equal groups."""
    rng = np.random.default_rng(1)
    groups = np.repeat(np.arange(400), 5)
    values = rng.normal(size=400)[groups] + rng.normal(size=groups.size)
    means = values.reshape(400, 5).mean(axis=1)
    answers: Answers = {}

    def ours() -> float:
        (found,) = stats.bootstrap_interval(
            stats.weighted_mean(values), values.size, groups, seed=1, n_resamples=10_000
        )
        return found.high

    def theirs() -> float:
        found = scipy_bootstrap(
            (means,), np.mean, n_resamples=10_000, method="BCa", vectorized=True, rng=1
        )
        return float(found.confidence_interval.high)

    calls = {"plexor": kept(answers, "plexor", ours), "SciPy": kept(answers, "SciPy", theirs)}
    what = "BCa of a mean, 10,000 resamples, 400 groups of 5"
    return rows(what, "upper limit", interleaved(calls, repeats), answers)


def many_areas(repeats: int) -> list[dict[str, object]]:
    """Eight models' ROC areas from the same 10,000 resamples of 2,000 cases."""
    rng = np.random.default_rng(2)
    truth = rng.random(2000) < 0.3
    scores = rng.normal(size=(2000, 8)) + truth[:, None] * np.linspace(0.8, 1.5, 8)
    patients = np.arange(2000) // 2
    answers: Answers = {}

    def ours() -> float:
        found = stats.bootstrap_interval(
            stats.weighted_auc(truth, scores),
            2000,
            patients,
            seed=1,
            n_resamples=10_000,
            method="percentile",
        )
        return found[0].high

    timings = interleaved({"plexor": kept(answers, "plexor", ours)}, repeats)
    what = "8 ROC areas, 10,000 resamples of 1,000 groups of 2"
    return rows(what, "first upper limit", timings, answers)


def reader_studies(replications: int) -> list[dict[str, object]]:
    """Null rejection at 0.05: 2 treatments, 5 readers, 100 cases, Roe and Metz's model."""
    rng = np.random.default_rng(3)
    truth = np.arange(100) < 50
    answers: Answers = {}

    def simulate() -> float:
        rejected = 0
        for _ in range(replications):
            case = rng.normal(size=(1, 1, 100)) + 0.5 * rng.normal(size=(2, 1, 100))
            reader = 0.3 * rng.normal(size=(1, 5, 1)) + 0.2 * rng.normal(size=(2, 5, 1))
            noise = 0.8 * rng.normal(size=(2, 5, 100))
            study = stats.reader_study_auc(truth, (1.5 + reader) * truth + case + noise)
            rejected += study.test().p_value < 0.05
        return rejected / replications

    timings = interleaved({"plexor": kept(answers, "plexor", simulate)}, 1)
    error = 1.96 * math.sqrt(0.05 * 0.95 / replications)
    what = f"{replications:,} reader studies of 2 × 5 × 100, simulated and tested"
    return rows(what, f"rejected at 0.05 (± {error:.3f})", timings, answers)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--replications", type=int, default=10_000)
    parser.add_argument("--note", default="", help="on the conditions, kept with the result")
    options = parser.parse_args()
    found = [
        *delong(options.n, options.repeats),
        *cluster_bootstrap(options.repeats),
        *many_areas(options.repeats),
        *reader_studies(options.replications),
    ]
    write_result("statistics_speed", {"repeats": options.repeats, "note": options.note}, found)


if __name__ == "__main__":
    main()
