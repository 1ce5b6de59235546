"""Memory and time per step of Levenberg-Marquardt on large images: 100 Sersics on 4096 x 4096 pixels.

Prints, for each size, the seconds per step and the peak memory of the process, and the ratio of seconds per
step between the sizes: linear in pixels if it is at most the ratio of the pixels.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys

import numpy as np


def scene(side: int, count: int, seed: int) -> list[dict]:
    """Return ``count`` Sersics spread over a square of ``side`` pixels, and a sky."""
    rng = np.random.default_rng(seed)
    cells = int(np.ceil(np.sqrt(count)))
    pitch = side / cells
    components = []
    for number in range(count):
        row, column = divmod(number, cells)
        components.append(
            {
                "name": f"g{number}",
                "model": "sersic",
                "parameters": {
                    "center": [
                        float((column + 0.5) * pitch + rng.uniform(-0.2, 0.2) * pitch),
                        float((row + 0.5) * pitch + rng.uniform(-0.2, 0.2) * pitch),
                    ],
                    "axis_ratio": float(rng.uniform(0.4, 0.95)),
                    "position_angle": float(rng.uniform(0, 180)),
                    "radius_e": float(rng.uniform(5, 15)),
                    "n": float(rng.uniform(0.8, 4)),
                    "intensity_e": float(rng.uniform(5, 30)),
                },
            }
        )
    return [*components, {"name": "sky", "model": "flat sky", "parameters": {"intensity": 10.0}}]


def one(side: int, count: int, steps: int) -> dict:
    """Fit one image in this process; return figures."""
    import engine

    components = scene(side, count, seed=side)
    image, _ = engine.simulate(components, (side, side), seed=1, noise=1.0)
    for component in components:
        for name, value in component["parameters"].items():
            if name in ("radius_e", "intensity_e", "n"):
                component["parameters"][name] = value * 1.1
    problem = engine.load(
        {
            "residua": 1,
            "images": [{"data": image.data, "sigma": np.ones(image.shape)}],
            "components": components,
        }
    )
    times = []
    last = 0.0
    for step in engine.steps(problem, "lm", max_steps=steps):
        times.append(step.seconds - last)
        last = step.seconds
    return {
        "side": side,
        "components": count,
        "free_parameters": len(problem.names),
        "seconds_per_step": statistics.median(times[1:]),
        "chi2_dof": step.chi2_dof,
        "peak_memory_gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6,
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--sides", default="2048,4096", help="Image sides in pixels; side**2 / 167772 Sersics each."
    )
    parser.add_argument("--steps", type=int, default=6, help="Levenberg-Marquardt steps per image.")
    parser.add_argument(
        "--one", type=int, help="Run this side in this process and print JSON (used internally)."
    )
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(one(arguments.one, round(arguments.one**2 / 167772), arguments.steps)))
        return
    rows = []
    for side in (int(part) for part in arguments.sides.split(",")):
        command = [sys.executable, __file__, "--one", str(side), "--steps", str(arguments.steps)]
        rows.append(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
        print(json.dumps(rows[-1]), flush=True)
    if len(rows) > 1:
        first, last = rows[0], rows[-1]
        ratio = last["seconds_per_step"] / first["seconds_per_step"]
        print(f"pixels x{(last['side'] / first['side']) ** 2:g}: seconds per step x{ratio:.2f}")


if __name__ == "__main__":
    main()
