"""``plexor architectures``."""

from __future__ import annotations

import inspect

from plexor.cli.class_options import plain_table
from plexor.cli.output import AsJson, console, print_json


def architectures(as_json: AsJson = False) -> None:
    """List the built-in networks, which a plan can train.

    Outputs are of the whole image, or of each pixel (for segmentation). Some take features, numeric
    columns of the manifest, beside the image.
    """
    from plexor.models.architectures import WITH_FEATURES
    from plexor.models.architectures.catalogue import PIXELWISE

    rows = [
        {
            "name": name,
            "outputs": "pixel" if name in PIXELWISE else "image",
            "features": name in WITH_FEATURES,
            "summary": summary,
        }
        for name, summary in described().items()
    ]
    if as_json:
        print_json(rows)
        return
    table = plain_table("architecture", "outputs of", "features", text="what it is")
    for row in rows:
        features = "yes" if row["features"] else ""
        table.add_row(str(row["name"]), str(row["outputs"]), features, str(row["summary"]))
    console.print(table)


def described() -> dict[str, str]:
    """Name → first sentence of the network's docstring."""
    from plexor.models.architectures import ARCHITECTURES, WITH_FEATURES

    networks = ARCHITECTURES | WITH_FEATURES
    return {name: _first_line(inspect.getdoc(build) or "") for name, build in networks.items()}


def _first_line(text: str) -> str:
    return text.partition("\n")[0].replace("`", "").rstrip(".")
