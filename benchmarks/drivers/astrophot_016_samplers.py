"""Times AstroPhot 0.16's samplers with the settings of its tutorial. Run by benchmarks/samplers.py."""

import json
import sys
import time
from pathlib import Path

import astrophot as ap
import astrophot_016
import measure
import numpy as np
import torch


def main(folder: Path, threads: int, case: str) -> None:
    torch.set_num_threads(threads)
    model = astrophot_016.build(measure.Problem(folder))
    start = ap.fit.LM(model).fit()
    start.update_uncertainty()
    began = time.perf_counter()
    if case == "nuts":
        done = ap.fit.NUTS(model, warmup=20, max_iter=100, inv_mass=start.covariance_matrix).fit()
    elif case == "hmc":
        done = ap.fit.HMC(
            model, warmup=20, max_iter=200, epsilon=1e-1, leapfrog_steps=20, inv_mass=start.covariance_matrix
        ).fit()
    else:
        done = ap.fit.MHMCMC(model, verbose=0, max_iter=5000, epsilon=1e-4, report_after=np.inf).fit()
    seconds = time.perf_counter() - began
    chain = np.asarray(torch.as_tensor(done.chain).detach().cpu())
    np.save(folder / f"astrophot-{case}.npy", chain)
    print(json.dumps({"seconds": seconds, "draws": len(chain)}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
