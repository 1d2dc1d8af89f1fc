"""Mutates plans, and counts what ``load_plan`` makes of them.

Each mutated plan is read, or refused with a ``PlanError`` whose every line but the first names a
line and column; anything else is a failure: another exception, a line without a place, more than 2
seconds of processor time, or another plan when what was read is written out and read again.

    python tests/soak/plans.py --trials 600

Run it from the repository's root. It is no test of the suite, since it takes minutes.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import yaml

from plexor.core.errors import PlanError
from plexor.plans import load_plan

Generator = np.random.Generator
LONGEST_SECONDS = 2.0
PLAN = """\
name: lesions
seed: 3
cohort:
  manifest: m.csv
  columns: {case_id: image_id, label: dx, group: lesion_id}
  path_template: images/{image_id}.png
  classes: [akiec, bcc, nv]
  split: {train: 0.6, test: 0.4}
  masks: {lesion: lesion_mask}
model:
  weights: w.safetensors
  architecture: small-cnn
  preprocess: {size: [32, 32], mean: [0.5, 0.5, 0.5]}
train:
  epochs: 2
  learning_rate: 1.0e-3
  preprocess: {size: [32, 32]}
  augment: {flip: [2]}
probes:
  - attack: pgd
    steps: 10
    goal: {become: nv}
    threat: {norm: linf, radius: [1, 2.5], unit: level, region: {masked: lesion}}
  - attack: fgsm
    threat: &threat {norm: l2, radius: 5, unit: percent}
  - attack: square
    threat: *threat
  - shortcut: ruler
    side: left
unit_size: 8
n_examples: 4
"""
SCALAR = re.compile(r"(?<=[:,\[ ] )[\w./-]+|(?<=- )[\w./-]+")
KEY = re.compile(r"[\w]+(?=:)")
STRANGE = (
    "010", "1:30", "yes", "no", "2024-13-45", "2024-01-05", "9" * 5000, "1e999", ".nan", "-.inf",
    "1_000", "0b1", "0x1F", "~", "''", "'\\0'", '"\\0"', '"\\x1b[31m"', "[]", "{}", "-1", "0",
    "[1, [2]]", "{a: 1}", "!!python/object/apply:os.abort []", "!!binary eA==", "!!set {a}",
    "*threat", "*absent", "&x [*x]", "<<", "|", ">", "%", "@", "`", "é", "\u202e", "true",
    "99999999999999999999", "1.5", "text", "' '", "../../x", "/", "[" * 60 + "]" * 60,
    "[" + ",".join(map(str, range(1, 20001))) + "]",
)  # fmt: skip


def _replaced(text: str, pattern: re.Pattern[str], by: str, rng: Generator) -> str:
    found = [*pattern.finditer(text)]
    one = found[int(rng.integers(len(found)))]
    return text[: one.start()] + by + text[one.end() :]


def strange_value(text: str, rng: Generator) -> str:
    """Puts a strange value in place of one."""
    return _replaced(text, SCALAR, STRANGE[int(rng.integers(len(STRANGE)))], rng)


def strange_key(text: str, rng: Generator) -> str:
    """Puts a strange key in place of one."""
    return _replaced(text, KEY, STRANGE[int(rng.integers(len(STRANGE)))], rng)


def misspelt(text: str, rng: Generator) -> str:
    """Drops, doubles or swaps a letter of a word."""
    words = [*re.finditer(r"[a-z_]{3,}", text)]
    word = words[int(rng.integers(len(words)))]
    at = int(rng.integers(word.start(), word.end() - 1))
    letters = ("", text[at] * 2, text[at + 1] + text[at])[how := int(rng.integers(3))]
    return text[:at] + letters + text[at + (2 if how == 2 else 1) :]


def line_twice(text: str, rng: Generator) -> str:
    """Repeats a line somewhere."""
    lines = text.splitlines(keepends=True)
    lines.insert(int(rng.integers(len(lines))), lines[int(rng.integers(len(lines)))])
    return "".join(lines)


def line_lost(text: str, rng: Generator) -> str:
    """Drops a line."""
    lines = text.splitlines(keepends=True)
    del lines[int(rng.integers(len(lines)))]
    return "".join(lines)


def other_indent(text: str, rng: Generator) -> str:
    """Moves a line to the right or to the left, by spaces or a tab."""
    lines = text.splitlines(keepends=True)
    at = int(rng.integers(len(lines)))
    lines[at] = ("  ", "\t", " ")[int(rng.integers(3))] + (
        lines[at].lstrip() if rng.random() < 0.5 else lines[at]
    )
    return "".join(lines)


def other_character(text: str, rng: Generator) -> str:
    """Puts a character of YAML's grammar, or one that is not printable, anywhere."""
    at = int(rng.integers(len(text)))
    return text[:at] + "[]{}:,-&*!|>'\"%@#\t\n\x07\u2028\ufeff"[int(rng.integers(21))] + text[at:]


def cut_short(text: str, rng: Generator) -> str:
    """Ends the file early."""
    return text[: int(rng.integers(len(text)))]


def bomb(text: str, rng: Generator) -> str:
    """Defines aliases of aliases, and uses the last."""
    n, depth = int(rng.integers(2, 12)), int(rng.integers(3, 30))
    lines = ["a0: &a0 [x]"]
    lines += [f"a{i + 1}: &a{i + 1} [{', '.join([f'*a{i}'] * n)}]" for i in range(depth)]
    return "\n".join(lines) + "\n" + _replaced(text, SCALAR, f"*a{depth}", rng)


def deep(text: str, rng: Generator) -> str:
    """Nests lists or mappings."""
    n = int(rng.integers(10, 5000))
    inner = "[" * n + "]" * n if rng.random() < 0.5 else "{a: " * n + "1" + "}" * n
    return _replaced(text, SCALAR, inner, rng)


MUTATIONS: dict[str, Callable[[str, Generator], str]] = {
    "a strange value": strange_value,
    "a strange key": strange_key,
    "a misspelt word": misspelt,
    "a line twice": line_twice,
    "a line lost": line_lost,
    "another indentation": other_indent,
    "another character": other_character,
    "a file cut short": cut_short,
    "aliases of aliases": bomb,
    "deep nesting": deep,
}


def outcome(path: Path) -> tuple[str, str]:
    """ "read" or "refused", with what was said; anything else is a failure."""
    start = time.process_time()
    try:
        plan = load_plan(path)
    except PlanError as error:
        kind, said = "refused", str(error)
    except BaseException as error:  # noqa: BLE001 - the point of the trial
        return "exception", f"{type(error).__name__}: {error}"[:300]
    else:
        kind, said = "read", ""
    if (seconds := time.process_time() - start) > LONGEST_SECONDS:
        return "slow", f"{seconds:.1f} s"
    if kind == "refused":
        head, *listed = said.split("\n")
        placed = all(re.match(r"  line \d+, column \d+: |  and \d+ more$", one) for one in listed)
        right = placed and len(said) < 30_000 and all(one.isprintable() for one in (head, *listed))
        return (kind, said) if right else ("unclear", said[:300])
    again = path.with_name("again.yaml")
    again.write_text(yaml.safe_dump(plan.resolved(), sort_keys=False))
    if load_plan(again).resolved() != plan.resolved():
        return "another plan", str(plan.resolved())[:300]
    return kind, said


def main() -> int:
    """Runs the trials and prints a table of counts; status 1 if anything failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=600)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    counts: dict[str, Counter[str]] = {name: Counter() for name in MUTATIONS}
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "plan.yaml"
        path.write_text(PLAN)
        if (found := outcome(path))[0] != "read":
            sys.exit(f"the plan is not read even without a mutation: {found[1]}")
        for trial in range(options.trials):
            name = list(MUTATIONS)[trial % len(MUTATIONS)]
            mutated = MUTATIONS[name](PLAN, np.random.default_rng([options.seed, trial]))
            path.write_text(mutated, encoding="utf-8")
            kind, said = outcome(path)
            counts[name][kind] += 1
            if kind not in ("read", "refused"):
                failed = True
                print(f"{name}, {trial}: {kind}: {said}", flush=True)  # noqa: T201
    kinds = sorted({kind for count in counts.values() for kind in count})
    print(f"{'mutation':24}" + "".join(f"{kind:>14}" for kind in kinds))  # noqa: T201
    for name, count in [*counts.items(), ("all", sum(counts.values(), Counter()))]:
        print(f"{name:24}" + "".join(f"{count[kind]:14}" for kind in kinds))  # noqa: T201
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
