# %% [markdown]
# # A network of MONAI's, trained by Lightning
#
# From MONAI and Lightning to a page one can show. This page is a notebook; the same lines are
# `examples/monai_and_lightning.py`, which runs as a script, too.

# %%
import logging
import warnings
from pathlib import Path

import lightning
import numpy as np
import torch
from monai.networks.nets import DenseNet
from torch.utils.data import DataLoader, TensorDataset

import plexor
from plexor.cases.phantoms import write_phantoms

films = Path("chest-phantoms")
if not films.exists():
    write_phantoms("radiograph", films, n_cases=400, seed=0, file_format="dicom")
cohort = plexor.load_cohort(films / "manifest.csv")
cohort

# %% [markdown]
# The preprocessing is declared once: it trains the network, and in the audit it is part of the
# model.

# %%
prepare = plexor.Preprocess(size=(32, 32), window=(0, 4095), mean=(0.5,), std=(0.25,))


def tensors(part: plexor.Cohort) -> TensorDataset:
    """Images as the network takes them, (N, 1, 32, 32), and labels (N,)."""
    images = []
    for case in part.cases:
        image = plexor.read_image(case.path)
        stored = torch.from_numpy(image.pixels.astype(np.float32))[None]
        images.append(prepare(stored * image.intensity.slope + image.intensity.intercept))
    labels = [part.classes.index(str(case.truth)) for case in part.cases]
    return TensorDataset(torch.cat(images), torch.tensor(labels))


class Films(lightning.LightningModule):
    """MONAI's DenseNet, small, with cross-entropy and Adam."""

    def __init__(self) -> None:
        super().__init__()
        self.network = DenseNet(
            spatial_dims=2, in_channels=1, out_channels=2, init_features=8, growth_rate=8,
            block_config=(2, 2),
        )  # fmt: skip

    def training_step(self, batch: tuple[torch.Tensor, torch.Tensor], _: int) -> torch.Tensor:
        """Cross-entropy of a batch."""
        images, labels = batch
        return torch.nn.functional.cross_entropy(self.network(images), labels)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Adam."""
        return torch.optim.Adam(self.parameters(), lr=3e-3)


# %%
logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)  # hardware and advertisements
warnings.filterwarnings("ignore", module="lightning")  # its own, about its own libraries
lightning.seed_everything(0, verbose=False)
module = Films()
loader = DataLoader(tensors(cohort.with_split("train")), batch_size=16, shuffle=True)
trainer = lightning.Trainer(
    max_epochs=8, accelerator="cpu", logger=False, enable_checkpointing=False,
    enable_progress_bar=False, enable_model_summary=False,
)  # fmt: skip
trainer.fit(module, loader)

# %% [markdown]
# The network inside the Lightning module is what is audited, in evaluation mode.

# %%
task = plexor.Multiclass(classes=cohort.classes)
model = plexor.TorchModel(module.network.eval(), task=task, preprocess=prepare)
model

# %%
plan = {
    "name": "MONAI's DenseNet on phantom films",
    "cohort": {"manifest": str(films / "manifest.csv")},
    "probes": [
        {"attack": "pgd", "steps": 5, "threat": {"norm": "linf", "radius": [8, 24]}},
        {"attack": "square", "queries": 50, "threat": {"norm": "linf", "radius": 24}},
    ],
}
run = plexor.audit(plan, model=model, out="runs/monai")
run

# %%
run.examples().of("pgd-linf-24")[:3]

# %%
print(run)
print(f"\nthe page: {run.report()}")

# %% [markdown]
# A checkpoint that Lightning wrote needs no code of yours: `model: {weights: last.ckpt}` in a
# plan, with the architecture's name, takes the prefix `network.` off by itself ([Models from
# files](../how-to/models.md)).
