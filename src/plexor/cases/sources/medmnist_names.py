"""Names of the classes of MedMNIST v2 and MedMNIST+, which their arrays do not carry.

Source: ``medmnist/info.py`` of MedMNIST 3.0.2 (Yang et al., Scientific Data 2023;10:41).
"""

from __future__ import annotations

_ORGANS = (
    "bladder",
    "femur-left",
    "femur-right",
    "heart",
    "kidney-left",
    "kidney-right",
    "liver",
    "lung-left",
    "lung-right",
    "pancreas",
    "spleen",
)
NAMES: dict[str, tuple[str, ...]] = {
    "pathmnist": (
        "adipose",
        "background",
        "debris",
        "lymphocytes",
        "mucus",
        "smooth muscle",
        "normal colon mucosa",
        "cancer-associated stroma",
        "colorectal adenocarcinoma epithelium",
    ),
    "chestmnist": (
        "atelectasis",
        "cardiomegaly",
        "effusion",
        "infiltration",
        "mass",
        "nodule",
        "pneumonia",
        "pneumothorax",
        "consolidation",
        "edema",
        "emphysema",
        "fibrosis",
        "pleural",
        "hernia",
    ),
    "dermamnist": (
        "actinic keratoses and intraepithelial carcinoma",
        "basal cell carcinoma",
        "benign keratosis-like lesions",
        "dermatofibroma",
        "melanoma",
        "melanocytic nevi",
        "vascular lesions",
    ),
    "octmnist": (
        "choroidal neovascularization",
        "diabetic macular edema",
        "drusen",
        "normal",
    ),
    "pneumoniamnist": (
        "normal",
        "pneumonia",
    ),
    "retinamnist": (
        "0",
        "1",
        "2",
        "3",
        "4",
    ),
    "breastmnist": (
        "malignant",
        "normal, benign",
    ),
    "bloodmnist": (
        "basophil",
        "eosinophil",
        "erythroblast",
        "immature granulocytes",
        "lymphocyte",
        "monocyte",
        "neutrophil",
        "platelet",
    ),
    "tissuemnist": (
        "Collecting Duct, Connecting Tubule",
        "Distal Convoluted Tubule",
        "Glomerular endothelial cells",
        "Interstitial endothelial cells",
        "Leukocytes",
        "Podocytes",
        "Proximal Tubule Segments",
        "Thick Ascending Limb",
    ),
    "organamnist": _ORGANS,
    "organcmnist": _ORGANS,
    "organsmnist": _ORGANS,
    "organmnist3d": (
        "liver",
        "kidney-right",
        "kidney-left",
        "femur-right",
        "femur-left",
        "bladder",
        "heart",
        "lung-right",
        "lung-left",
        "spleen",
        "pancreas",
    ),
    "nodulemnist3d": (
        "benign",
        "malignant",
    ),
    "adrenalmnist3d": (
        "normal",
        "hyperplasia",
    ),
    "fracturemnist3d": (
        "buckle rib fracture",
        "nondisplaced rib fracture",
        "displaced rib fracture",
    ),
    "vesselmnist3d": (
        "vessel",
        "aneurysm",
    ),
    "synapsemnist3d": (
        "inhibitory synapse",
        "excitatory synapse",
    ),
}
"""Data set, as its file is called without size → names in the order of their numbers."""
