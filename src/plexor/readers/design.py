"""The design of a reader study: images, order, display and questions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal, Self, get_args

from pydantic import Field, ValidationError, model_validator

from plexor.core.complaint import refused
from plexor.core.errors import PlanError, unknown
from plexor.core.written import Written
from plexor.core.yaml_text import Document, read_written
from plexor.readers.question import Id, Language, Question, Text

Shown = Literal["fixed", "crossed", "counterbalanced"]
Screen = Literal["phone", "tablet", "desk"]
SMALLEST_WIDTH: Mapping[Screen, int] = {"phone": 320, "tablet": 720, "desk": 1000}
"""Minimum width of the browser's window for each class of screen, in CSS pixels."""


class Arm(Written):
    """One way a case may be shown, e.g. untouched, or perturbed by an attack."""

    probe: str | None = Field(
        None, description="of an audit: the probe whose images are shown; none for the original"
    )
    cases: int | None = Field(
        None, ge=1, description="with `shown: fixed`, number of cases shown in this arm"
    )


class Training(Written):
    """Cases for practice, excluded from analysis."""

    cases: int = Field(0, ge=0, le=200)
    feedback: bool = Field(True, description="show the right answer after each case")


class Blocks(Written):
    """Division of the cases into sittings."""

    number: int = Field(1, ge=1, le=12)
    washout_days: float = Field(0, ge=0, le=1000, description="minimum time between two blocks")
    arms: Literal["mixed", "separate"] = Field(
        "mixed", description="separate: each block shows one arm only (before and after)"
    )


class Order(Written):
    """Constraints on the random order of every reader."""

    apart: int = Field(
        10, ge=0, le=1000, description="minimum number of cases between two images of one case"
    )
    groups_apart: bool = Field(True, description="no two cases of one group in a row")


class Display(Written):
    """Display of images."""

    pixel_true: bool = Field(
        True, description="whole-number zoom only, nothing smoothed, scaled windows refused"
    )
    zoom: float = Field(8, ge=1, le=32, description="greatest magnification")
    window: bool = Field(True, description="let the reader change window and level of grey images")
    smallest_screen: Screen = "tablet"
    compare: tuple[Literal["flicker", "side-by-side"], ...] = Field(
        (), description="with `show: pair`, how the two images may be compared"
    )


class Positive(Written):
    """The condition under which "yes", a high rating or a chosen side is right."""

    arm: str | None = Field(None, description="shown in this arm")
    truth: str | None = Field(None, description="of this class")

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.arm is None) == (self.truth is None):
            raise PlanError("expected either `arm` or `truth`")
        return self


class AnalysisPlan(Written):
    """The planned analysis; frozen before unblinding."""

    positive: dict[str, Positive] = Field(
        default_factory=dict, description="question → what counts as positive"
    )
    level: float = Field(0.95, gt=0.5, lt=1, description="nominal coverage of the intervals")
    acceptance_radius: float = Field(
        20, gt=0, description="for marks: greatest distance to a lesion's centre, in pixels"
    )


class Design(Written):
    """A study file without arms and analysis: everything that the server knows.

    Texts may be given by language, e.g. ``{en: Altered, fr: Modifiée}``.
    """

    format: Literal["plexor-readers/1"] = "plexor-readers/1"
    name: Id
    title: Text
    languages: tuple[Language, ...] = Field(("en",), min_length=1)
    instructions: Text = ""
    consent: Text = Field(description="text to which a reader consents first")
    contact: str = Field("", description="contact for readers, shown on every page")
    show: Literal["one", "pair"] = Field("one", description="pair: two arms of a case at once")
    questions: tuple[Question, ...] = Field(min_length=1, max_length=12)
    shown: Shown = Field(
        "fixed",
        description="fixed: each case in one arm, the same for all; crossed: in every arm; "
        "counterbalanced: each reader sees it in one arm, in turn",
    )
    case_sets: int = Field(
        1, ge=1, le=50, description="split-plot: number of sets of cases; a reader reads one set"
    )
    cases: int | None = Field(None, ge=1, description="number of cases to read; default: all")
    repeats: int = Field(
        0, ge=0, description="number of cases shown again, for intra-reader agreement"
    )
    training: Training = Training()
    blocks: Blocks = Blocks()
    order: Order = Order()
    display: Display = Display()
    time_limit_s: float | None = Field(None, gt=0, le=3600, description="for each case")
    corrections: bool = Field(False, description="readers may go back and answer again")
    truth_set_by: tuple[str, ...] = Field((), description="who may not read")

    def text(self, text: Text, language: str) -> str:
        """A text in one of the study's languages."""
        if isinstance(text, str):
            return text
        by_name: Mapping[str, str] = {str(key): value for key, value in text.items()}
        return by_name[language]


class Study(Design):
    """A study file: design, arms and analysis."""

    arms: dict[Id, Arm] = Field(min_length=1)
    analysis: AnalysisPlan = AnalysisPlan()

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if complaints := list(_misfits(self)):
            raise PlanError("; ".join(complaints))
        return self

    def without_arms(self) -> dict[str, object]:
        """Plain data of the ``Design``."""
        return self.model_dump(mode="json", exclude={"arms", "analysis"})


def load_study(source: Path | str | Mapping[str, object]) -> Study:
    """Reads and validates a study file, from YAML or a mapping.

    Raises:
        PlanError: the file is missing or not YAML, or a key or value is invalid; all errors are
            listed at once, each with its line and column in the file.
    """
    where = "study"
    document: Document | None = None
    content: object = source
    if isinstance(source, Path | str):
        where = str(source)
        document = read_written(Path(source), "study file")
        content = document.root.value
    if not isinstance(content, Mapping):
        raise PlanError(f"{where}: expected a mapping with `name`, `questions` and `arms`")
    schema = Study.model_json_schema()
    try:
        study = Study.model_validate(dict(content))
    except ValidationError as error:
        raise refused(where, error.errors(include_url=False), schema, document) from error
    if document and document.complaints:
        raise refused(where, (), schema, document)
    return study


def _misfits(study: Study) -> Iterator[str]:
    """Conflicts between valid fields."""
    ids = [question.id for question in study.questions]
    if twice := sorted({name for name in ids if ids.count(name) > 1}):
        yield f"several questions have the id {', '.join(twice)}; give each its own id"
    kinds = {question.type for question in study.questions}
    if ("side" in kinds) != (study.show == "pair"):
        yield "a question of type side needs `show: pair`, and `show: pair` such a question"
    if study.show == "pair" and (len(study.arms) != 2 or study.shown != "crossed"):
        yield f"`show: pair` needs two arms and `shown: crossed`, got {len(study.arms)} arms"
    if study.display.compare and study.show != "pair":
        yield "`display.compare` needs `show: pair`"
    if study.show == "pair" and study.blocks.arms == "separate":
        yield "`show: pair` shows both arms at once, which cannot be in separate blocks"
    yield from _arm_misfits(study)
    yield from _analysis_misfits(study, ids)
    for text in _texts(study):
        if isinstance(text, dict) and (missing := set(study.languages) - set(text)):
            yield f"a text lacks the language {', '.join(sorted(missing))}: {text}"


def _arm_misfits(study: Study) -> Iterator[str]:
    originals = [name for name, arm in study.arms.items() if arm.probe is None]
    numbers = [arm.cases for arm in study.arms.values()]
    if len(originals) > 1 and any(arm.probe for arm in study.arms.values()):
        yield f"{len(originals)} arms have no probe ({', '.join(originals)}), expected one"
    if study.shown != "fixed" and any(numbers):
        yield f"`arms.*.cases` is for `shown: fixed`, and the study is {study.shown}"
    if study.shown == "fixed" and any(numbers) and not all(numbers):
        yield "`cases` is given for some arms only; give it for each or for none"
    if study.shown == "fixed" and all(numbers) and study.cases is not None:
        yield "give either `cases` or the `cases` of each arm"
    if study.blocks.arms == "separate" and (
        study.shown != "crossed" or study.blocks.number % len(study.arms)
    ):
        yield (
            f"`blocks.arms: separate` needs `shown: crossed` and blocks in multiples of "
            f"{len(study.arms)} arms, got {study.blocks.number}"
        )
    if study.blocks.washout_days and study.blocks.number < 2:
        yield "`blocks.washout_days` needs two blocks or more"


def _analysis_misfits(study: Study, ids: list[str]) -> Iterator[str]:
    for name, positive in study.analysis.positive.items():
        if name not in ids:
            yield f"analysis.positive: {unknown('question', name, ids)}"
        if positive.arm is not None and positive.arm not in study.arms:
            yield f"analysis.positive.{name}: {unknown('arm', positive.arm, study.arms)}"


def _texts(study: Study) -> Iterator[Text]:
    yield from (study.title, study.instructions, study.consent)
    for question in study.questions:
        yield question.ask
        if question.type == "rating":
            yield from (question.low, question.high)
        if question.type == "options":
            yield from (option.text for option in question.options)


LANGUAGES: tuple[str, ...] = get_args(Language)
