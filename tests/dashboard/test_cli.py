from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from astropy.io import fits
from astropy.table import Table
from typer.testing import CliRunner, Result

import engine
from dashboard.cli import app
from tests.dashboard.fits import components, fits_bytes, galaxy

ROOT = Path(__file__).resolve().parents[2]


def residua(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def described(folder: Path, **changes: object) -> Path:
    """A fit description of one small galaxy, beside its files."""
    (folder / "galaxy.fits").write_bytes(fits_bytes(galaxy()))
    (folder / "sigma.fits").write_bytes(fits_bytes(np.ones((48, 48))))
    description = {
        "residua": 1,
        "images": [{"name": "r", "data": "galaxy.fits", "sigma": "sigma.fits"}],
        "components": components(48),
        **changes,
    }
    path = folder / "fit.yaml"
    path.write_text(yaml.safe_dump(description))
    return path


@pytest.fixture(scope="module")
def seed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("seed")
    result = residua("example", "seed", folder)
    assert result.exit_code == 0
    assert result.stdout.splitlines()[0] == str(folder / "fit.yaml")
    return folder / "fit.yaml"


def test_the_example_is_fitted_from_the_shell(seed, tmp_path):
    finished = subprocess.run(
        [sys.executable, "-m", "dashboard.cli", "fit", str(seed), "--out", str(tmp_path / "run")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    assert "chi2/dof 1.0124" in finished.stdout
    assert "sersic 2.n" in finished.stdout
    assert "lm: step " in finished.stderr, "plain lines where there is no terminal"
    assert "\x1b" not in finished.stdout + finished.stderr
    names = {path.name for path in (tmp_path / "run").iterdir()}
    made = {"result.json", "images.fits", "parameters.ecsv", "fit.yaml"}
    assert names == {*made, "report.html", "report.ipynb"}


def test_a_fit_answers_in_json(tmp_path):
    result = residua("fit", described(tmp_path), "--out", tmp_path / "run", "--json", "--quiet")
    assert result.exit_code == 0
    assert result.stderr == ""
    record = json.loads(result.stdout)
    assert record["status"] == "converged"
    assert record["fitter"] == "lm"
    assert len(record["names"]) == len(record["values"]) == len(record["uncertainties"]) == 8


def test_the_written_description_can_be_fitted_again(tmp_path):
    residua("fit", described(tmp_path), "--out", tmp_path / "one", "-q")
    result = residua("fit", tmp_path / "one" / "fit.yaml", "--out", tmp_path / "two", "-q")
    assert result.exit_code == 0
    one, two = (json.loads((tmp_path / name / "result.json").read_text()) for name in ("one", "two"))
    assert two["values"] == pytest.approx(one["values"], rel=1e-4)
    assert two["jacobians"] < one["jacobians"]


def test_options_come_from_the_file_and_then_from_the_person(tmp_path):
    path = described(tmp_path, fitters=[{"lm": {"max_steps": 2}}])
    result = residua("fit", path, "--out", tmp_path / "run", "--json", "-q")
    assert result.exit_code == 1, "two steps are too few"
    record = json.loads(result.stdout)
    assert record["status"] == "out of steps"
    assert record["options"]["max_steps"] == 2
    result = residua("fit", path, "--out", tmp_path / "run", "--json", "-q", "-o", "max-steps=80")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["options"]["max_steps"] == 80


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["-o", "max_steps"], "-o max_steps is not name=value"),
        (["-o", "max_stepz=3"], "Did you mean max_steps?"),
        (["-o", "max_steps=many"], "max_steps"),
        (["--fitter", "ml"], "There is no fitter 'ml'."),
    ],
)
def test_bad_words_are_refused(tmp_path, words, sentence):
    result = residua("fit", described(tmp_path), "--out", tmp_path / "run", *words)
    assert result.exit_code == 2
    assert sentence in result.stderr
    assert "Traceback" not in result.output
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("command", ["fit", "check", "compare"])
@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"images": [{"data": "nowhere.fits"}]}, "nowhere.fits"),
        ({"imagez": []}, "imagez"),
        ({"residua": 99}, "99"),
        ({"components": [{"name": "a", "model": "sersik"}]}, "Did you mean sersic?"),
    ],
)
def test_bad_descriptions_are_refused_with_a_sentence(tmp_path, command, changes, sentence):
    words = [] if command == "check" else ["--out", tmp_path / "run"]
    result = residua(command, described(tmp_path, **changes), *words)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert sentence in result.stderr
    assert result.stderr.startswith("residua: ")
    assert len(result.stderr.strip().splitlines()) == 1


def test_a_missing_file_is_told(tmp_path):
    result = residua("check", tmp_path / "nothing.yaml", "--json")
    assert result.exit_code == 2
    assert "nothing.yaml" in json.loads(result.stdout)["error"]


def test_a_folder_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "taken").write_text("")
    result = residua("fit", described(tmp_path), "--out", tmp_path / "taken", "-q")
    assert result.exit_code == 2
    assert "taken" in result.stderr


def test_check_shows_what_would_be_fitted(tmp_path):
    path = described(tmp_path)
    result = residua("check", path)
    assert result.exit_code == 0
    assert "48 x 48 pixels, 2304 used, noise given, no PSF" in result.stdout
    assert "disk0.radius_e" in result.stdout
    assert "2 components, 8 free parameters, 2296 degrees of freedom" in result.stdout
    record = json.loads(residua("check", path, "--json").stdout)
    assert record["parameters"][0] == {
        "key": "sky.intensity",
        "value": 9.0,
        "unit": record["parameters"][0]["unit"],
        "fixed": False,
        "lower": None,
        "upper": None,
        "link": None,
    }


def test_links_and_fixed_parameters_are_shown(tmp_path):
    parts = components(48)
    parts[1]["parameters"]["n"] = {"value": 1, "fixed": True}
    core = {
        "center": {"link": "disk0.center"},
        "axis_ratio": 1,
        "position_angle": 0,
        "radius_e": 2,
        "intensity_e": 5,
    }
    parts.append({"name": "core", "model": "exponential", "parameters": core})
    result = residua("check", described(tmp_path, components=parts))
    assert result.exit_code == 0, result.stderr
    assert "= disk0.center.x" in result.stdout
    assert "fixed" in result.stdout


def test_compare_writes_one_folder_each_and_a_table(tmp_path):
    path = described(tmp_path, fitters=["lm", {"lm": {"max_steps": 2}}])
    result = residua("compare", path, "--out", tmp_path / "runs", "--json", "-q")
    assert result.exit_code == 1, "one of the two has too few steps"
    written = json.loads((tmp_path / "runs" / "compare.json").read_text())
    assert written["fitters"] == json.loads(result.stdout)["fitters"]
    first, second = written["fitters"]
    assert (first["folder"], second["folder"]) == ("lm", "lm-2")
    assert (first["status"], second["status"]) == ("converged", "out of steps")
    assert first["chi2_dof"] <= second["chi2_dof"]
    assert first["values"]["disk0.n"] == pytest.approx(1, abs=0.2)
    assert first["uncertainties"]["disk0.n"] > 0
    for row in written["fitters"]:
        assert (tmp_path / "runs" / row["folder"] / "images.fits").is_file()
    comparison = written["comparison"]
    assert comparison["labels"] == ["lm", "lm-2"]
    assert comparison["verdict"].startswith("Only lm has converged. lm-2 ran out of steps; it is ")
    assert comparison["worst"]["sigma"][0][1] == comparison["worst"]["sigma"][1][0] > 0
    assert comparison["costs"][0]["peak_memory"] is None or comparison["costs"][0]["peak_memory"] >= 0
    both = residua("compare", path, "--out", tmp_path / "runs", "--fitters", "lm,iterative", "-q")
    assert "lm and iterative agree within" in both.stdout
    assert "largest difference in sigma" in both.stdout
    table = residua("compare", path, "--out", tmp_path / "runs", "--fitters", "lm", "-q")
    assert table.exit_code == 0
    assert table.stdout.splitlines()[0].split() == [
        "fitter",
        "chi2/dof",
        "seconds",
        "evaluations",
        "Jacobians",
        "status",
    ]
    assert residua("compare", path, "--out", tmp_path / "runs", "--fitters", "lm,mcmc").exit_code == 2
    assert residua("compare", path, "--out", tmp_path / "runs", "--fitters", ",").exit_code == 2


def test_models_and_fitters_are_listed():
    text = residua("models").stdout
    for word in ("sersic", "point source", "radius_e", "pixel"):
        assert word in text
    listed = {one["key"]: one for one in json.loads(residua("models", "--json").stdout)}
    specs = {one["name"]: one for one in listed["sersic"]["parameters"]}
    assert specs["axis_ratio"]["upper"] == 1
    assert specs["position_angle"]["period"] == 180
    assert "max_steps" in residua("fitters").stdout
    listed = {one["key"]: one for one in json.loads(residua("fitters", "--json").stdout)}
    assert {one["name"] for one in listed["lm"]["options"]} >= {"max_steps"}
    assert all(one["help"] for one in listed["lm"]["options"])


def test_an_unknown_example_is_refused(tmp_path):
    result = residua("example", "sead", tmp_path)
    assert result.exit_code == 2
    assert "seed" in result.stderr


def test_version_and_help():
    assert residua("--version").stdout.startswith("residua ")
    text = residua("--help").stdout
    for command in ("serve", "fit", "compare", "check", "models", "fitters", "example"):
        assert command in text


@pytest.mark.parametrize("words", [["--port", "99999"], ["--workers=-1"], ["--host", ""]])
def test_settings_out_of_range_are_refused(words):
    result = residua("serve", *words)
    assert result.exit_code == 2
    assert "residua: " in result.stderr


def test_help_does_not_load_what_it_does_not_need():
    heavy = ("torch", "panel", "numpy", "engine")
    code = f"import sys, dashboard.cli; print([name for name in {heavy} if name in sys.modules])"
    finished = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=dict(os.environ),
        capture_output=True,
        text=True,
        check=True,
    )
    assert finished.stdout.strip() == "[]"


def test_outputs_agree_with_each_other(tmp_path):
    residua("fit", described(tmp_path), "--out", tmp_path / "run", "-q")
    record = json.loads((tmp_path / "run" / "result.json").read_text())
    table = Table.read(tmp_path / "run" / "parameters.ecsv")
    assert list(table["key"]) == record["names"]
    assert np.allclose(table["value"], record["values"])
    assert np.allclose(table["uncertainty"], record["uncertainties"])
    with fits.open(tmp_path / "run" / "images.fits") as hdus:
        pull = hdus["PULL"].data
        assert np.sum(pull**2) == pytest.approx(record["chi2"])
        assert hdus[0].header["STATUS"] == "converged"


def test_a_chain_takes_its_options_by_member():
    from dashboard.commands import options

    words = ["gradient.max_steps=50", "gradient.optimizer_options={amsgrad: true}", "lm.damping=1"]
    parsed = options.parsed(words)
    assert parsed == {
        "gradient": {"max_steps": 50, "optimizer_options": {"amsgrad": True}},
        "lm": {"damping": 1},
    }
    options.known("gradient+lm")
    with pytest.raises(engine.FitterError, match="There is no fitter 'ml'"):
        options.known("gradient+ml")
    with pytest.raises(engine.OptionError, match="neither a list"):
        options.parsed(["groups=[a"])


def test_a_bootstrap_follows_a_fit(tmp_path):
    path = engine.write_example("disk", tmp_path / "disk")
    command = [
        "fit",
        str(path),
        "--out",
        str(tmp_path / "run"),
        "--bootstrap",
        "3",
        "--bootstrap-kind",
        "parametric",
    ]
    result = CliRunner().invoke(app, [*command, "--seed", "1"])
    assert result.exit_code == 0, result.output
    assert "Bootstrap of 3 parametric" in result.output
    record = json.loads((tmp_path / "run" / "bootstrap.json").read_text())
    assert record["failed"] == 0
    assert np.shape(record["values"]) == (3, len(record["names"]))
    refused = CliRunner().invoke(app, [*command[:-1], "jackknife"])
    assert refused.exit_code == 2
    assert "blocks, parametric" in refused.output


def test_a_sampler_goes_on_from_an_earlier_run(tmp_path):
    path = described(tmp_path)
    few = ("-o", "chains=2", "-o", "warmup=10", "-o", "draws=20", "--seed", 1, "--quiet")
    residua("fit", path, "--out", tmp_path / "first", "--fitter", "elliptical", *few)
    answer = residua("fit", path, "--out", tmp_path / "second", "--resume", tmp_path / "first", *few)
    assert "The first 20 draws of each chain are from the run that this one goes on from." in answer.output
    assert engine.read_run(tmp_path / "second").draws.shape[:2] == (2, 40)
    refused = residua("fit", path, "--out", tmp_path / "third", "--resume", tmp_path / "nowhere")
    assert refused.exit_code == 2
    assert "holds no finished run" in refused.output


def test_device_and_precision_go_before_the_file(tmp_path):
    path = tmp_path / "e" / "fit.yaml"
    assert residua("example", "seed", path.parent).exit_code == 0
    done = residua("fit", path, "--out", tmp_path / "run", "--precision", "float32", "--no-report", "--json")
    assert done.exit_code == 0
    assert json.loads(done.stdout)["precision"] == "float32"
    if not torch.cuda.is_available():
        refused = residua("fit", path, "--out", tmp_path / "no", "--device", "cuda")
        assert refused.exit_code == 2
        assert "PyTorch finds none here. Take the device cpu or auto" in " ".join(refused.output.split())
