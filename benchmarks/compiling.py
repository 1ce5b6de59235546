"""Does torch.compile pay for samplers?

What a sampler asks for is a value and a gradient of ln posterior. For profiles whose derivatives are in closed form
(sersic) numpy computes them; for others (exponential, de vaucouleurs, gaussian) autograd does, and torch can compile
that. Reported for each profile: milliseconds a gradient without and with compiled derivatives, for images of several
sizes and one or several chains at once; seconds of compiling, the first of a process and one more; and the number of
gradients from which compiling pays. Where a profile is in closed form, its shape is also compiled by itself, the way
the others are, beside its closed form: what the choice to leave it alone rests on.

Set TORCHINDUCTOR_CACHE_DIR to an empty folder to time compiling afresh: torch keeps what it compiled before.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

import engine
from benchmarks.environments import same_torch
from benchmarks.peers import RESULTS, commit, machine, warn_when_busy
from engine.fitters.base import Work
from engine.frozen import FrozenProblem
from engine.parameters.transform import Transform
from engine.profiles import PROFILES
from engine.profiles.by_autograd import ByAutograd
from engine.render.arrays import Arrays
from engine.samplers.density import frozen_around
from engine.samplers.whitening import of_hessian
from engine.simulate import simulate

Row = dict[str, Any]


def main() -> int:
    options = parse()
    torch.set_num_threads(options.threads)
    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", tempfile.mkdtemp(prefix="residua-bench-"))
    warn_when_busy()
    print(
        f"{'profile':<16}{'pixels':>8}{'chains':>8}{'plain':>10}{'compiled':>10}{'compiling':>11}{'pays from':>12}"
    )
    rows = [
        whole(profile, side, chains, options.repeats)
        for profile in options.profiles
        for side in options.sides
        for chains in options.chains
    ]
    shapes = [one_shape(profile.name, options.repeats) for profile in PROFILES if profile.of_squares]
    options.out.parent.mkdir(parents=True, exist_ok=True)
    text = {
        "commit": commit(),
        "machine": machine(),
        "torch": same_torch(),
        "threads": options.threads,
        "gradients": rows,
        "closed_forms": shapes,
    }
    options.out.write_text(json.dumps(text, indent=2) + "\n")
    print(f"written: {options.out}")
    return 0


def whole(profile: str, side: int, chains: int, repeats: int) -> Row:
    """Gradients of ln posterior of one component and a sky, without and with compiled derivatives."""
    frozen, places = posterior_of(profile, side, chains)
    plain = milliseconds(lambda number: frozen.costs(places[number]), repeats)
    row: Row = {"profile": profile, "side": side, "chains": chains, "plain_ms": plain}
    text = f"{profile:<16}{f'{side}²':>8}{chains:>8}{plain:>7.2f} ms"
    if not frozen.compilable:
        print(f"{text}   closed form", flush=True)
        return row
    (part,) = frozen.compilable
    began = time.perf_counter()
    part.compile(chains)
    seconds = time.perf_counter() - began
    compiled = milliseconds(lambda number: frozen.costs(places[number]), repeats)
    saved = (plain - compiled) / 1000
    pays = round(chains * seconds / saved) if saved > 0 else None
    print(f"{text}{compiled:>7.2f} ms{seconds:>9.1f} s{pays or 'never':>12}", flush=True)
    per_sample = 1e9 * saved / (chains * part.samples)
    return row | {
        "compiled_ms": compiled,
        "compiling_s": seconds,
        "pays_from_gradients": pays,
        "saved_ns_a_sample": per_sample,
    }


def posterior_of(profile: str, side: int, chains: int) -> tuple[FrozenProblem, np.ndarray]:
    """A frozen problem, and batches of places within its posterior, (batch, chain, free)."""
    radius = next(
        spec.name for one in PROFILES if one.name == profile for spec in one.specs if spec.unit == "pixel"
    )
    middle = side / 2 + 0.3
    shape = {"axis_ratio": 0.7, "position_angle": 30.0, radius: side / 8}
    amplitude = next(one.amplitude.name for one in PROFILES if one.name == profile)
    components = [
        {
            "name": "object",
            "model": profile,
            "parameters": {"center": [middle, middle], **shape, amplitude: 20.0},
        },
        {"name": "sky", "model": "flat sky", "parameters": {"intensity": 5.0}},
    ]
    image, _ = simulate(components, (side, side), seed=1, noise=1.0)
    entry = {"data": np.array(image.data), "sigma": np.ones((side, side))}
    problem = engine.load({"residua": 1, "images": [entry], "components": components})
    lm = engine.fit(problem, "lm")
    rng = np.random.default_rng(2)
    transform = Transform.of(problem.space)
    expected = of_hessian(problem.space, transform, lm.values, problem.normal_equations(lm.values))
    frozen = frozen_around(Work(problem, rng), transform, lm.values, expected)
    w = rng.standard_normal((20, chains, len(lm.values)))
    return frozen, transform.physical(expected.unconstrained(w))


def one_shape(name: str, repeats: int) -> Row:
    """A closed form beside the compiled derivatives of the same shape, on 10 000 samples of three components."""
    profile = next(one for one in PROFILES if one.name == name)
    assert profile.of_squares is not None
    closed, compiled = profile.of_squares, ByAutograd(profile.shape)
    arrays, rng = Arrays("cpu"), np.random.default_rng(3)
    squares = rng.uniform(0.1, 50, (1, 3, 10_000)) ** 2
    parameters = np.tile([spec.default for spec in profile.specs], (1, 3, 1)) * rng.uniform(
        0.8, 1.2, (1, 3, 1)
    )
    scores = rng.standard_normal(squares.shape)
    by_hand = milliseconds(lambda _: closed(squares.copy(), parameters, arrays).pull(scores.copy()), repeats)
    began = time.perf_counter()
    compiled.compile(squares.shape, parameters.shape[-1], torch.device("cpu"))
    seconds = time.perf_counter() - began
    by_torch = milliseconds(
        lambda _: compiled(squares.copy(), parameters, arrays).pull(scores.copy()), repeats
    )
    print(f"shapes of {name}: closed form {by_hand:.2f} ms, compiled {by_torch:.2f} ms after {seconds:.0f} s")
    return {"profile": name, "closed_ms": by_hand, "compiled_ms": by_torch, "compiling_s": seconds}


def milliseconds(function: Callable[[int], object], repeats: int) -> float:
    """The median of so many calls, after some that are not timed; calls get numbers from 0 to 19."""
    times = []
    for number in range(repeats + 3):
        began = time.perf_counter()
        function(number % 20)
        times.append(time.perf_counter() - began)
    return 1000 * statistics.median(times[3:])


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.compiling",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--profiles",
        nargs="+",
        choices=["sersic", "exponential", "de vaucouleurs", "gaussian"],
        default=["sersic", "exponential", "de vaucouleurs"],
        help="which to time",
    )
    parser.add_argument("--sides", nargs="+", type=int, default=[100, 400], help="of the images, in pixels")
    parser.add_argument("--chains", nargs="+", type=int, default=[1, 16], help="evaluated together")
    parser.add_argument("--repeats", type=int, default=60, help="gradients to time (default 60)")
    parser.add_argument("--threads", type=int, default=1, help="threads of torch (default 1)")
    parser.add_argument("--out", type=Path, default=RESULTS / "compiling.json", help="where figures go")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
