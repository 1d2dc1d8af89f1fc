"""Creation of a study: cases are drawn, dealt to arms and sets, and written blinded.

STUDY/database.sqlite   design, images as opaque tokens, readers, answers; unless a URL is given
STUDY/images/ID/N.png   slices of one image
KEY/study.yaml          the study file with arms and analysis
KEY/key.csv             which image is which
KEY/draw.json           the seed
"""

from __future__ import annotations

import csv
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from plexor.cases.formats import read_image
from plexor.core.csv_text import csv_text, plain_cell
from plexor.core.errors import DataError, PlanError
from plexor.core.files import write_atomic
from plexor.core.ids import digest, digest_file
from plexor.readers.design import Study
from plexor.readers.image_set import choose_cases
from plexor.readers.order import Stimulus, deal_sets, reads_for
from plexor.readers.picture import Look, common_length, look_of, padded_png
from plexor.readers.security import new_id
from plexor.readers.sources import SourceCase, lesions_json
from plexor.readers.store import Store, database_url, log, now_ms
from plexor.readers.tables import StimulusRow, StudyRow

_Shown = tuple[SourceCase, str, bool]
"""A case, the arm it is shown in, and whether it is for practice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRow:
    """Identity of one image. The columns of ``key.csv``."""

    stimulus: str
    arm: str
    case: str
    group: str
    truth: str
    training: bool
    arm_token: str
    case_token: str
    group_token: str
    case_set: int
    lesions: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A created study.

    Attributes:
        folder: everything that the server needs.
        key: folder of the key, which the server must not have.
        n_images: number of images or volumes.
        n_cases: number of cases to read.
        n_training: number of cases for practice.
    """

    folder: Path
    key: Path
    n_images: int
    n_cases: int
    n_training: int


def create_study(
    study: Study,
    cases: Sequence[SourceCase],
    *,
    folder: Path,
    key: Path,
    database: str | None = None,
    seed: int | None = None,
) -> Made:
    """Creates a study's folder, key and database.

    Args:
        study: the study file.
        cases: see ``plexor.readers.sources``.
        folder: absent or empty.
        key: a folder outside of it, absent or empty.
        database: a URL; SQLite in ``folder`` if not given.
        seed: seed of the draw, kept in the key; default: a new one.

    Raises:
        PlanError: too few cases, or no order satisfies the design.
        DataError: a folder in use, an image that is missing, damaged, or of another size in
            another arm.
    """
    _check_folders(folder, key)
    seed = secrets.randbits(62) if seed is None else seed
    rng = np.random.default_rng(seed)
    shown = _shown(study, cases, rng)
    looks = {case.id: look_of(case.id, [read_image(p) for p in case.files.values()])
             for case in {case.id: case for case, _, _ in shown}.values()}  # fmt: skip
    rows = _key_rows(study, shown, seed)
    _check_order(study, rows)
    length = common_length(list(looks.values()))
    files = {(case.id, arm): case.files[arm] for case, arm, _ in shown}
    for private in (folder, key):  # no other account of this machine unblinds the study
        private.mkdir(mode=0o700, parents=True, exist_ok=True)
        private.chmod(0o700)
    for number in rng.permutation(len(rows)):
        row = rows[number]
        image = read_image(files[row.case, row.arm])
        for piece, plane in enumerate(looks[row.case].planes(image)):
            path = folder / "images" / row.stimulus / f"{piece}.png"
            write_atomic(path, padded_png(plane, length))
    _write_key(key, study, rows, seed)
    _fill(database_url(folder, database), study, rows, looks)
    training = {row.case for row in rows if row.training}
    return Made(
        folder=folder,
        key=key,
        n_images=len(rows),
        n_cases=len({row.case for row in rows}) - len(training),
        n_training=len(training),
    )


def read_key(key: Path) -> tuple[Study, list[KeyRow]]:
    """The study file and the key, for analysis.

    Raises:
        DataError: a file is absent or damaged.
    """
    from plexor.readers.design import load_study

    try:
        with (key / "key.csv").open(encoding="utf-8", newline="") as file:
            rows = [
                KeyRow(
                    stimulus=row["stimulus"],
                    arm=plain_cell(row["arm"]),
                    case=plain_cell(row["case"]),
                    group=plain_cell(row["group"]),
                    truth=plain_cell(row["truth"]),
                    training=row["training"] == "True",
                    arm_token=row["arm_token"],
                    case_token=row["case_token"],
                    group_token=row["group_token"],
                    case_set=int(row["case_set"]),
                    lesions=row["lesions"],
                    sha256=row["sha256"],
                )
                for row in csv.DictReader(file)
            ]
    except (AttributeError, OSError, TypeError, ValueError, KeyError) as error:
        raise DataError(f"{key} is not the key of a study: {error}; give it with --key") from error
    return load_study(key / "study.yaml"), rows


def _check_folders(folder: Path, key: Path) -> None:
    if key.resolve().is_relative_to(folder.resolve()):
        raise PlanError(
            f"the key {key} would lie in {folder}, which is served; choose a folder outside of it"
        )
    for path in (folder, key):
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise DataError(f"{path} is not an empty folder; choose another with --out")


def _shown(study: Study, cases: Sequence[SourceCase], rng: np.random.Generator) -> list[_Shown]:
    """Chooses the cases shown, and their arms."""
    every = list(study.arms)
    if study.shown != "fixed":
        for case in cases:
            if missing := [arm for arm in every if arm not in case.files]:
                raise DataError(
                    f"{case.id} has no image in the arm {missing[0]!r}, and with `shown: "
                    f"{study.shown}` each case needs one in every arm"
                )
    practice = [case for case in cases if case.training]
    pool = [case for case in cases if not case.training]
    if len(practice) > study.training.cases or any(c.training is False for c in cases):
        drawn = 0
    else:
        drawn = study.training.cases - len(practice)
    counts = _counts(study, len(pool) - drawn)
    wanted = (study.cases or len(pool) - drawn) if counts is None else sum(counts.values())
    if wanted < 1 or wanted + drawn > len(pool):
        raise PlanError(
            f"cases: {wanted} to read and {drawn} for practice are wanted, but there are "
            f"{len(pool)}; ask for fewer, or audit with a greater `n_examples`"
        )
    by_id = {case.id: case for case in pool}
    about = pd.DataFrame(
        {"truth": [c.truth for c in pool], "group": [c.group for c in pool]}, index=list(by_id)
    )
    chosen = [by_id[str(name)] for name in choose_cases(about, wanted + drawn, rng,
                                                         balance_classes=False).index]  # fmt: skip
    order = rng.permutation(len(chosen))
    practice += [chosen[i] for i in order[:drawn]]
    reading = [chosen[i] for i in sorted(order[drawn:])]
    shown: list[_Shown] = []
    for number, case in enumerate(practice):
        arms = [arm for arm in every if arm in case.files]
        seen = arms if study.show == "pair" else [arms[number % len(arms)]]
        shown += [(case, arm, True) for arm in seen]
    if study.shown != "fixed":
        return shown + [(case, arm, False) for case in reading for arm in every]
    return shown + [(case, arm, False) for case, arm in _dealt(study, reading, counts)]


def _counts(study: Study, available: int) -> dict[str, int] | None:
    numbers = {name: arm.cases for name, arm in study.arms.items()}
    if study.shown != "fixed" or not all(numbers.values()):
        return None
    counts = {name: number or 0 for name, number in numbers.items()}
    if sum(counts.values()) > available:
        raise PlanError(
            f"arms: {sum(counts.values())} cases are wanted in all arms, but {available} can be "
            "read; ask for fewer, or add cases; an audit keeps the images of 12 cases, and of more "
            "with --set n_examples=NUMBER"
        )
    return counts


def _dealt(
    study: Study, cases: Sequence[SourceCase], counts: Mapping[str, int] | None
) -> list[tuple[SourceCase, str]]:
    """Assigns each case to an arm with an image of it, in even proportions within classes."""
    if all(len(case.files) == 1 for case in cases):
        return [(case, next(iter(case.files))) for case in cases]
    arms = list(study.arms)
    for case in cases:
        if lacking := sorted(set(arms) - set(case.files)):
            raise DataError(
                f"{case.id} has no image in the arm {lacking[0]!r}, but other cases have one in "
                "every arm; expected all cases alike"
            )
    share = {arm: (counts[arm] if counts else len(cases) / len(arms)) for arm in arms}
    given = dict.fromkeys(arms, 0)
    dealt = []
    for number, case in enumerate(cases, start=1):
        # the arm with the largest deficit so far
        arm = max(arms, key=lambda name: share[name] * number / len(cases) - given[name])
        given[arm] += 1
        dealt.append((case, arm))
    return dealt


def _key_rows(study: Study, shown: Sequence[_Shown], seed: int) -> list[KeyRow]:
    arm_tokens = {arm: new_id() for arm in study.arms}
    cases = {case.id: case for case, _, _ in shown}
    case_tokens = {name: new_id() for name in cases}
    group_tokens = {case.group: new_id() for case in cases.values()}
    arms_of: dict[str, str] = {}
    for case, arm, training in shown:
        if not training:
            arms_of[case.id] = f"{arms_of.get(case.id, case.truth)} {arm}"
    sets = deal_sets(arms_of, study.case_sets, seed=seed)
    return [
        KeyRow(
            stimulus=new_id(),
            arm=arm,
            case=case.id,
            group=case.group,
            truth=case.truth,
            training=training,
            # the database has the right answers of training cases: their arms must not reveal those
            # of others
            arm_token=new_id() if training else arm_tokens[arm],
            case_token=case_tokens[case.id],
            group_token=group_tokens[case.group],
            case_set=sets.get(case.id, 0),
            lesions=lesions_json(case.lesions),
            sha256=digest_file(case.files[arm]),
        )
        for case, arm, training in shown
    ]


def _check_order(study: Study, rows: Sequence[KeyRow]) -> None:
    """Refuses a design that no order satisfies, before readers are invited."""
    stimuli = [
        Stimulus(
            id=row.stimulus,
            case=row.case_token,
            group=row.group_token,
            arm=row.arm_token,
            case_set=row.case_set,
            training=row.training,
        )
        for row in rows
    ]
    for ordinal in range(study.case_sets):
        reads_for(study, stimuli, ordinal=ordinal, seed=ordinal)


def _write_key(key: Path, study: Study, rows: Sequence[KeyRow], seed: int) -> None:
    ordered = [asdict(row) for row in sorted(rows, key=lambda row: row.stimulus)]
    text = csv_text(list(ordered[0]), (row.values() for row in ordered))
    plain = study.model_dump(mode="json")
    write_atomic(key / "study.yaml", yaml.safe_dump(plain, sort_keys=False).encode())
    write_atomic(key / "draw.json", json.dumps({"seed": seed}).encode())
    write_atomic(key / "key.csv", text.encode())


def _fill(url: str, study: Study, rows: Sequence[KeyRow], looks: Mapping[str, Look]) -> None:
    store = Store.open(url, create=True)
    try:
        with store.writing() as session:
            session.add(
                StudyRow(
                    id=1,
                    name=study.name,
                    design=study.without_arms(),
                    digest=digest(study.model_dump(mode="json")),
                    state="open",
                    password=None,
                    created_at=now_ms(),
                    closed_at=None,
                )
            )
            session.add_all(
                StimulusRow(
                    id=row.stimulus,
                    case_token=row.case_token,
                    group_token=row.group_token,
                    arm_token=row.arm_token,
                    case_set=row.case_set,
                    training=row.training,
                    view=looks[row.case].view,
                    answer=_right_answers(study, row) if row.training else {},
                )
                # sorted by token: the original order is that of the arms
                for row in sorted(rows, key=lambda row: row.stimulus)
            )
            log(session, "created", images=len(rows))
    finally:
        store.close()


def _right_answers(study: Study, row: KeyRow) -> dict[str, object]:
    """The right answer to each question, if the study file defines it."""
    right: dict[str, object] = {}
    for question in study.questions:
        positive = study.analysis.positive.get(question.id)
        if question.type == "marks":
            right[question.id] = json.loads(row.lesions)
        elif positive is not None:
            right[question.id] = (
                row.arm == positive.arm if positive.arm else row.truth == positive.truth
            )
        elif question.type == "options" and row.truth in {o.id for o in question.options}:
            right[question.id] = row.truth
    return right
