# %% [markdown]
# # Your own network
#
# A network made in plain torch, trained on phantom chest films, attacked on the DICOM files,
# judged as stored. Put your `torch.nn.Module` and your manifest in their place. This page is a
# notebook; the same lines are `examples/own_model.py`, which runs as a script, too.

# %%
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

import plexor
from plexor.cases.phantoms import write_phantoms

films = Path("chest-phantoms")
if not films.exists():
    write_phantoms("radiograph", films, n_cases=400, seed=0, file_format="dicom")
cohort = plexor.load_cohort(films / "manifest.csv")
cohort

# %% [markdown]
# `group` in the manifest is the patient: splits keep patients together, and intervals are drawn
# over patients, not films.
#
# The preprocessing is declared once. It trains the network, and in the audit it is part of the
# model: attacks go through it, and what they change is the stored image.

# %%
prepare = plexor.Preprocess(size=(32, 32), window=None)  # z-score of each image


def images_and_labels(part: plexor.Cohort) -> tuple[Tensor, Tensor]:
    """Images (N, 1, height, width) as the network takes them; labels (N,), 1 for the 2nd class."""
    images = []
    for case in part.cases:
        image = plexor.read_image(case.path)
        stored = torch.from_numpy(image.pixels.astype(np.float32))[None]
        images.append(prepare(stored * image.intensity.slope + image.intensity.intercept))
    labels = [float(case.truth == part.classes[1]) for case in part.cases]
    return torch.cat(images), torch.tensor(labels)


torch.manual_seed(0)
network = nn.Sequential(
    nn.Conv2d(1, 8, 5, stride=2, padding=2),
    nn.ReLU(),
    nn.Conv2d(8, 16, 5, stride=2, padding=2),
    nn.ReLU(),
    nn.Flatten(),
    nn.Linear(16 * 8 * 8, 1),
)
images, labels = images_and_labels(cohort.with_split("train"))
optimizer = torch.optim.AdamW(network.parameters(), lr=5e-3, weight_decay=0.05)
for _ in range(40):
    optimizer.zero_grad()
    loss = nn.functional.binary_cross_entropy_with_logits(network(images)[:, 0], labels)
    loss.backward()
    optimizer.step()

# %% [markdown]
# `TorchModel` needs to know three things: what the outputs mean, in the order of the classes; the
# preprocessing; and that there is no softmax or sigmoid at the end, since probabilities have next
# to no gradient.

# %%
task = plexor.Binary(classes=cohort.classes)
model = plexor.TorchModel(network.eval(), task=task, preprocess=prepare)
model

# %% [markdown]
# Two strengths of one attack, and one that wants a certain answer. Half a percent of the range of
# 12 bits is 20 of 4096 levels, little more than one level on a viewer of 256. Noise of the same
# size is added as a control by itself.

# %%
small = {"norm": "linf", "radius": 0.5, "unit": "percent"}
plan = {
    "name": "Own network on phantom films",
    "cohort": {"manifest": str(films / "manifest.csv")},
    "probes": [
        {"attack": "pgd", "threat": small | {"radius": [0.5, 1]}},
        {"attack": "pgd", "threat": small, "goal": {"become": cohort.classes[0]}},
    ],
}
run = plexor.audit(plan, model=model, out="runs/own")
run

# %% [markdown]
# A row for each case, probe and container: what happened, and how large the stored change is.

# %%
findings = run.findings()
attacked = findings[
    (findings["probe"] == "pgd-linf-0.5-percent") & (findings["stored"] == "lossless")
]
attacked[["case_id", "truth", "decision_before", "decision_after", "reached", "linf"]].head(8)

# %%
run.examples().of("pgd-linf-0.5-percent")[:3]

# %% [markdown]
# The page that one shows to a colleague:

# %%
print(run.report())
