"""Plants a burnt-in tag on normal films, trains a network, and measures how far it leans on it.

    python examples/tags.py [FOLDER] [NUMBER OF FILMS]

Nine in ten normal films carry a marker, one in ten of those with an opacity, and opacities are
faint, so that the marker is the easier thing to learn. The boxes are those of the phantom; for your
own films `plexor shortcuts find` makes the table.
"""

import csv
import sys
from pathlib import Path

from plexor.audits.tags import TagQuestions, measure_tags
from plexor.cases import load_cohort
from plexor.cases.phantoms import RadiographConfig, write_phantoms
from plexor.models.preprocess import Preprocess
from plexor.models.training import Training
from plexor.models.training.fit import train
from plexor.plans import load_plan
from plexor.report import write_report
from plexor.report.tag_words import answer, map_words

folder = Path(sys.argv[1] if len(sys.argv) > 1 else "tagged-films")
n_cases = int(sys.argv[2]) if len(sys.argv) > 2 else 400

config = RadiographConfig(marker_presence=(0.9, 0.1), contrast=(0.06, 0.12))
manifest = write_phantoms(
    "radiograph", folder, n_cases=n_cases, seed=0, file_format="png", config=config
)

tags = folder / "tags.csv"
with manifest.open(newline="") as films, tags.open("w", newline="") as table:
    rows = csv.writer(table)
    rows.writerow(["path", "x0", "y0", "x1", "y1", "kind", "text"])
    for film in csv.DictReader(films):
        box = [film[f"marker_{end}"] for end in ("left", "top", "right", "bottom")]
        there = bool(film["marker"])
        rows.writerow(
            [film["path"], *box, "laterality", film["marker"]]
            if there
            else [film["path"], "", "", "", "", "none", ""]
        )

weights = folder / "films.safetensors"
training = Training(
    architecture="small-cnn",
    task="binary",
    preprocess=Preprocess(size=(96, 96)),
    epochs=8,
    learning_rate=3e-3,
)
print(train(load_cohort(manifest), training, weights, seed=0))

plan = load_plan({"name": "films", "cohort": {"manifest": manifest}, "model": {"weights": weights}})
out = folder / "reliance"
questions = TagQuestions(draws=10, attention=("grad-cam", "integrated-gradients"))
results = measure_tags(plan, tags, out, questions)

print(answer(results))
for effect in results.aspects:
    print(f"  {effect.aspect}: margin lost {effect.shift.value:.2f} logits")
for found in results.maps:
    print(map_words(found))
print(f"report: {write_report(out)}")
