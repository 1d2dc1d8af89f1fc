"""Draws phantom lesions with their masks, trains a U-Net to outline them, and audits it.

    python examples/lesion_outlines.py lesion-phantoms runs/outlines [NUMBER OF PICTURES]

A plan for real images: plans/lesion_outlines.yaml.
"""

import sys
from pathlib import Path

import plexor
from plexor.audits import cohort_of
from plexor.cases.phantoms import LesionConfig, write_phantoms
from plexor.models.training.fit import train

folder, out = Path(sys.argv[1]), Path(sys.argv[2])
n_cases = int(sys.argv[3]) if len(sys.argv) > 3 else 240
small = LesionConfig(height=48, width=64)
manifest = write_phantoms(
    "lesion", folder, n_cases=n_cases, seed=0, file_format="png", config=small, masks=("lesion",)
)

weights = folder / "small-unet.safetensors"
plan = {
    "name": "Outlines of phantom lesions",
    "cohort": {
        "manifest": str(manifest),
        "columns": {"label": "lesion_mask"},  # the truth of each picture is a mask
        "classes": ["lesion"],  # what its number 1 is; 0 is the background
    },
    "model": {"weights": str(weights)},
    "train": {
        "architecture": "small-unet",
        "task": "segmentation",
        "preprocess": {"size": [48, 64], "mean": [0.5], "std": [0.25]},
        "epochs": 6,
        "batch_size": 8,
        "learning_rate": 0.01,
    },
    "probes": [
        {
            "attack": "pgd",
            "goal": {"lower-dice": "lesion", "below": 0.5},
            "threat": {"norm": "linf", "radius": [1, 2, 4]},
        },
        {
            "attack": "pgd",
            "goal": {"erase": "lesion"},
            "threat": {"norm": "linf", "radius": 4},
        },
        {
            "attack": "pgd",
            "goal": {"drift": "lesion", "by": 5},
            "threat": {"norm": "linf", "radius": 4},
        },
    ],
}
loaded = plexor.load_plan(plan)
trained = train(cohort_of(loaded, "segmentation"), loaded.training(), weights)
print(f"mean Dice on the validation split: {trained.figures['mean_dice']:.2f}")
run = plexor.audit(loaded, out=out)
print(plexor.write_report(run.path))
