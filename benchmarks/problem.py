"""The seed problem as plain numbers, so that every code fits the same pixels from the same start."""

import json
from pathlib import Path

import numpy as np

import engine

SERSIC = {
    "x": "center.x",
    "y": "center.y",
    "axis_ratio": "axis_ratio",
    "position_angle": "position_angle",
    "n": "n",
    "radius_e": "radius_e",
    "intensity_e": "intensity_e",
}


def write_problem(folder: Path) -> None:
    """Write the built-in example ``seed`` into ``folder``, and beside it the same without FITS.

    That is data.npy, variance.npy and problem.json: 0-based pixels, degrees from +y, linear intensities.
    """
    folder.mkdir(parents=True, exist_ok=True)
    description = engine.write_example("seed", folder)
    problem = engine.load(description)
    values = {parameter.key: parameter.value for parameter in problem.parameters}
    models = {component["name"]: component["model"] for component in problem.describe()["components"]}
    (sky,) = (name for name, model in models.items() if model == "flat sky")
    sersics = [name for name, model in models.items() if model == "sersic"]
    np.save(folder / "data.npy", problem.image.data)
    np.save(folder / "variance.npy", 1 / problem.image.weight)
    text = {
        "sky": values[f"{sky}.intensity"],
        "sersics": [{short: values[f"{name}.{key}"] for short, key in SERSIC.items()} for name in sersics],
        "description": str(description),
    }
    (folder / "problem.json").write_text(json.dumps(text, indent=2))
