"""A manifest or a plan that makes no sense is refused in one sentence, before anything is done."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from tests.helpers.runs import CLASSES, LINF_2, Row, Setup, plexor

from plexor.audits import cohort_of
from plexor.core.errors import DataError
from plexor.findings import RunDirectory
from plexor.plans import load_plan

Rows = list[Row]


def refusal(setup: Setup, *options: str) -> str:
    sentence = plexor("audit", setup.plan, "--out", setup.out, *options).sentence
    assert not list(setup.out.rglob("*.parquet"))
    return sentence


def missing_label(rows: Rows) -> None:
    rows[3]["label"] = ""


def missing_group(rows: Rows) -> None:
    rows[3]["group"] = " "


def another_label(rows: Rows) -> None:
    rows[3]["label"] = "wart"


def duplicate_path(rows: Rows) -> None:
    rows[3]["path"] = rows[2]["path"]


def cut_group(rows: Rows) -> None:
    rows[0]["split"], rows[1]["split"] = "train", "test"


def missing_file(rows: Rows) -> None:
    rows[3]["path"] = "images/nowhere.png"


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (missing_label, "{manifest}: 1 problem row 5: column 'label' is empty"),
        (missing_group, "{manifest}: 1 problem row 5: column 'group' is empty"),
        (
            another_label,
            "manifest has cases of wart, which are no classes of the model; it knows keratosis, me",
        ),
        (
            duplicate_path,
            "{manifest}: 1 problem images/lesion-0002-1.png: 2 rows name the same file {folder}",
        ),
        (cut_group, "{manifest}: 1 problem lesion-0001: this group is in test and train"),
        (
            missing_file,
            "{manifest}: 1 problem images/nowhere.png: no file {folder}/images/nowhere.png",
        ),
    ],
)
def test_rows(few: Setup, damage: Callable[[Rows], None], reason: str) -> None:
    rows = few.rows()
    damage(rows)
    few.write_rows(rows)
    assert refusal(few).startswith(reason.format(manifest=few.manifest, folder=few.folder))


def test_all_problems_are_told_at_once(few: Setup) -> None:
    rows = few.rows()
    missing_label(rows)
    cut_group(rows)
    rows[5]["path"] = "images/nowhere.png"
    few.write_rows(rows)
    with pytest.raises(DataError) as caught:
        cohort_of(load_plan(few.plan))
    assert str(caught.value).splitlines() == [
        f"{few.manifest}: 3 problems",
        "  row 5: column 'label' is empty for images/lesion-0002-2.png",
        f"  images/nowhere.png: no file {few.folder}/images/nowhere.png",
        "  lesion-0001: this group is in test and train",
    ]


def test_a_label_that_the_plan_does_not_know(few: Setup) -> None:
    rows = few.rows()
    rows[3]["label"] = "melanom"
    few.write_rows(rows)
    cohort = {"manifest": "manifest.csv", "audit": None, "classes": list(CLASSES)}
    few.change_plan(cohort=cohort)
    assert refusal(few).endswith(
        "1 problem images/lesion-0002-2.png: unknown label 'melanom'; did you mean 'melanoma'? "
        "(known: keratosis, melanoma, naevus)"
    )


def test_a_label_that_no_case_has(few: Setup) -> None:
    """An absent class is no error: its recall is undefined, and said to be."""
    few.write_rows([row for row in few.rows() if row["label"] != "naevus"])
    done = plexor("audit", few.plan, "--out", few.out)
    assert done.status == 0, done.err
    page = " ".join((few.out / "report.html").read_text().split())
    assert "naevus (0)" in page


@pytest.mark.parametrize(
    ("encoding", "where", "guess"),
    [("latin-1", "line 2", "Windows-1252"), ("utf-16", "line 1", "UTF-16")],
)
def test_another_encoding(few: Setup, encoding: str, where: str, guess: str) -> None:
    written = few.manifest.read_text().replace("lesion-0001,", "Läsion-0001,")
    few.manifest.write_text(written, encoding=encoding)
    assert refusal(few) == (
        f"{few.manifest}: expected UTF-8, found something else in {where}, probably {guess}; "
        "save it as CSV UTF-8"
    )
    few.manifest.write_text(written, encoding="utf-8-sig")  # as a spreadsheet's "CSV UTF-8"
    assert plexor("audit", few.plan, "--out", few.out).status == 0


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "the manifest is empty, expected a header and rows"),
        ("path,label\n", "the manifest has a header and no rows"),
        (
            "path,diagnosis\na.png,naevus\n",
            (
                "unknown column 'label' (known: diagnosis, path); if another column holds it, name "
                "that with --column label=COLUMN, or in a plan with `columns: {label: COLUMN}`"
            ),
        ),
        (
            "path|label\na.png|naevus\n",
            "the header is a single column, 'path|label'; expected columns divided by comma, ",
        ),
        ("path label\na.png naevus\n", "the header is a single column, 'path label'; expected"),
        ("path,label\na.png,naevus,3\n", "1 problem row 2: has 3 cells, expected 2"),
        ('path,label\n"a.png,naevus\n', "not a CSV table, line 2"),
    ],
)
def test_what_is_no_manifest(few: Setup, content: str, reason: str) -> None:
    few.manifest.write_text(content)
    assert refusal(few).startswith(f"{few.manifest}: {reason}")


def test_an_image_is_no_manifest(few: Setup) -> None:
    few.manifest.write_bytes(next(few.manifest.parent.rglob("*.png")).read_bytes())
    assert refusal(few).startswith(f"{few.manifest}: this is an image (png); give the folder of")


def test_no_manifest(few: Setup) -> None:
    few.manifest.unlink()
    assert refusal(few) == f"{few.manifest}: cannot be read: No such file or directory"


def test_a_split_that_is_not_there(few: Setup) -> None:
    few.change_plan(cohort={"manifest": "manifest.csv", "audit": "tset"})
    assert refusal(few) == (
        "manifest: unknown split 'tset'; did you mean 'test'? (known: test, train)"
    )
    few.write_rows([row | {"split": ""} for row in few.rows()])
    assert refusal(few).startswith("manifest: split 'tset' was asked for, and no case has a split;")


def probe(**changes: object) -> dict[str, object]:
    return {"probes": [LINF_2 | changes]}


def threat(**changes: object) -> dict[str, object]:
    return probe(threat={"norm": "linf", "radius": 2} | changes)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"unitsize": 3}, "{plan}: unknown key 'unitsize'; did you mean 'unit_size'?"),
        (probe(step=3), "{plan}: unknown key 'step'; did you mean 'steps'?"),
        (threat(radios=3), "{plan}: unknown key 'radios'; did you mean 'radius'?"),
        (
            {"cohort": {"manifest": "manifest.csv", "colums": {}}},
            "{plan}: unknown key 'colums'; did you mean 'columns'?",
        ),
        ({"cohort": {}}, "{plan}: `cohort.manifest` is missing"),
        (
            probe(attack="pdg"),
            "{plan}: `probes.0.attack`: unknown attack 'pdg'; did you mean 'pgd'?",
        ),
        (probe(steps=0), "{plan}: pgd: `steps` must be at least 1, got 0"),
        (probe(goal={"become": "melanom"}), "goal: unknown class 'melanom'; did you mean 'melano"),
        (probe(goal="hide"), "{plan}: goal: expected `misclassify`, `{{become: CLASS}}`, "),
        (threat(radius=0), "{plan}: threat: `radius` must be positive and finite, got 0"),
        (threat(radius=[2, -1]), "{plan}: threat: `radius` must be positive and finite, got -1"),
        (threat(radius=[]), "{plan}: `probes.0.pgd.threat.radius`: "),
        (threat(radius="two"), "{plan}: `probes.0.pgd.threat.radius.0`: "),
        (threat(norm="l3"), "{plan}: `probes.0.pgd.threat.norm`: unknown norm 'l3' (known: "),
        (
            {"probes": [LINF_2, LINF_2]},
            "{plan}: several probes have the id pgd-linf-2; give one of them another `id`",
        ),
        ({"unit_size": 0}, "{plan}: `unit_size`: Input should be greater than or equal to 1"),
    ],
)
def test_a_plan(few: Setup, changes: dict[str, object], reason: str) -> None:
    few.change_plan(**changes)
    said = re.sub(r": line \d+, column \d+: ", ": ", refusal(few))
    assert said.startswith(reason.format(plan=few.plan))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "{plan}: expected a mapping with `cohort`, `model` and `probes`"),
        (b"cohort: [", "{plan}: line 2, column 1: not valid YAML: "),
        ("name: Läsionen".encode("latin-1"), "{plan} is not valid YAML: "),
        (b"- cohort", "{plan}: expected a mapping with `cohort`, `model` and `probes`"),
    ],
)
def test_what_is_no_plan(few: Setup, content: bytes, reason: str) -> None:
    few.plan.write_bytes(content)
    assert refusal(few).startswith(reason.format(plan=few.plan))


def test_no_plan(few: Setup) -> None:
    few.plan.unlink()
    assert refusal(few) == f"cannot read the plan {few.plan}: No such file or directory"


@pytest.mark.parametrize("device", ["gpu", "meta", "cuda:99"])
def test_a_device_that_is_not_here(few: Setup, device: str) -> None:
    assert refusal(few, "--device", device).startswith(f"device '{device}' cannot be used here: ")


def test_an_option_that_is_none(few: Setup) -> None:
    done = plexor("audit", few.plan, "--batch-size", "0")
    assert done.status == 2
    assert "--batch-size" in done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize(
    ("condition", "reason"),
    [
        ("clean.accuracy.value >", "require: cannot read 'clean.accuracy.value >': invalid syntax"),
        ("", "require: cannot read ''"),
    ],
)
def test_a_condition_that_is_none_is_refused_first(few: Setup, condition: str, reason: str) -> None:
    assert refusal(few, "--require", condition).startswith(reason)


@pytest.mark.parametrize(
    ("condition", "reason"),
    [
        ("clean.acuracy.value > 0", "unknown name 'acuracy'; did you mean 'accuracy'?"),
        ('probes["pgd-linf-3"].n > 0', "unknown name 'pgd-linf-3'; did you mean 'pgd-linf-2'?"),
        ("clean.accuracy > 0.5", "clean.accuracy in 'clean.accuracy > 0.5' is no number; write "),
        ("clean.accuracy.value", "clean.accuracy.value in 'clean.accuracy.value' is "),
        ("clean.n - 'many' > 1", "\"'many'\" in "),
        ("(" * 300 + "1" + ")" * 300, "cannot read"),
        ("clean.n > 'many'", "cannot evaluate \"clean.n > 'many'\": "),
        ("clean.n in probes", "'clean.n in probes' in 'clean.n in probes' is not understood"),
        ('__import__("os").abort()', "\"__import__('os').abort()\" in "),
    ],
)
def test_a_condition_that_asks_for_what_no_summary_has_is_refused_first(
    few: Setup, condition: str, reason: str
) -> None:
    assert refusal(few, "--require", condition).startswith(f"require: {reason}")


def test_all_conditions_that_are_none_are_told_at_once(few: Setup) -> None:
    sentence = refusal(few, "--require", "clean.acuracy.n > 0", "--require", "probes['x'].n > 0")
    assert "'acuracy'" in sentence
    assert "'x'" in sentence


def test_a_condition_without_an_answer_leaves_the_others_theirs(few: Setup) -> None:
    """A model of classes has no ``mae``, which is known once there are figures."""
    odd, met = 'probes["pgd-linf-2"].mae.value < 1', "clean.n == 12"
    done = plexor("audit", few.plan, "--out", few.out, "--require", odd, "--require", met)
    assert f"without an answer: {odd}" in done.out
    assert f"\nmet: {met}" in done.out
    assert "unknown name 'mae'" in done.sentence
    assert RunDirectory(few.out).record()["required"] == {odd: "without an answer", met: "met"}
    assert "without an answer" in (few.out / "report.html").read_text()


def test_date_duration_and_who_stand_in_the_report(few: Setup) -> None:
    run = RunDirectory(few.out)
    for name in ("A. Reader", "B. Reader", "of a finished run"):
        assert plexor("audit", few.plan, "--out", few.out, "--by", name).status == 0
        run.write_provenance(run.provenance() | {"finished": name != "A. Reader"})
    sessions: Any = RunDirectory(few.out).record()["sessions"]
    assert [one["by"] for one in sessions] == ["A. Reader", "B. Reader"]
    page = (few.out / "report.html").read_text()
    assert "A. Reader, B. Reader" in page
    assert "Duration" in page
    assert sessions[0]["began"][:10] in page


def test_flags_and_answer_stand_in_the_terminal_and_in_the_run(few: Setup) -> None:
    done = plexor("audit", few.plan, "--out", few.out)
    flags = RunDirectory(few.out).flags()
    assert "groups-few" in {flag.id for flag in flags}
    for flag in flags:
        assert any(
            line.startswith(f"{flag.severity} {flag.id}") and line.endswith(flag.message)
            for line in done.out.splitlines()
        )
    assert plexor("audit", few.plan, "--out", few.out, "--require", "not flags").status == 1


def test_a_radius_that_no_file_can_store_is_refused_first(few: Setup) -> None:
    few.change_plan(
        probes=[LINF_2 | {"threat": {"norm": "linf", "radius": 0.2, "unit": "percent"}}]
    )
    done = plexor("audit", few.plan, "--out", few.out)
    assert "the least is 0.393 percent (1" in done.sentence
    assert not (few.out / "units").exists()


def test_brackets_in_names_are_no_markup(few: Setup) -> None:
    few.write_rows([row | {"group": f"[bold]{row['group']}[/x]"} for row in few.rows()])
    out = few.folder / "[red]run[/red][/]"
    done = plexor("audit", few.plan, "--out", out)
    assert done.status == 0, done.err
    assert f"report: {out / 'report.html'}" in done.out
    few.change_plan(seed=1)
    assert plexor("audit", few.plan, "--out", out).sentence.startswith(f"{out} holds a run with")


def test_conditions_set_the_exit_status(few: Setup) -> None:
    def outcome(*conditions: str) -> tuple[int, list[str]]:
        options = [part for condition in conditions for part in ("--require", condition)]
        done = plexor("audit", few.plan, "--out", few.out, *options)
        return done.status, [line for line in done.out.splitlines() if "met: " in line]

    holds, fails = 'probes["pgd-linf-2"].n == 12', "clean.accuracy.low > 1"
    undefined = "clean.accuracy.value / 0 > 1"
    assert outcome(holds) == (0, [f"met: {holds}"])
    assert outcome(fails) == (1, [f"NOT met: {fails}"])
    assert outcome(holds, fails) == (1, [f"met: {holds}", f"NOT met: {fails}"])
    assert outcome(undefined) == (1, [f"NOT met: {undefined}"])
    assert outcome(f"{holds} and not {fails}")[0] == 0
