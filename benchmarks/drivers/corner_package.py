"""The corner package (matplotlib) on the same draws: seconds to a drawn PNG. Runs in its own environment."""

import io
import json
import sys
import time

import corner
import matplotlib
import numpy as np

matplotlib.use("Agg")


def main() -> None:
    draws = np.load(sys.argv[1])
    labels = [f"parameter {i}" for i in range(draws.shape[1])]
    began = time.perf_counter()
    figure = corner.corner(
        draws,
        labels=labels,
        levels=[1 - np.exp(-0.5 * k**2) for k in (1, 2, 3)],
        plot_datapoints=False,
        fill_contours=True,
        smooth=1.0,
        bins=40,
        show_titles=True,
    )
    made = time.perf_counter() - began
    figure.savefig(io.BytesIO(), format="png", dpi=60)
    versions = {"corner": corner.__version__, "matplotlib": matplotlib.__version__}
    print(json.dumps({"made": made, "painted": time.perf_counter() - began, "versions": versions}))


if __name__ == "__main__":
    main()
