from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dashboard.cli import app
from dashboard.configuration import from_environment, from_file, gathered
from dashboard.reference import PAGES, flag_of
from dashboard.settings import SettingError, Settings, declared


def test_the_default_is_local_and_for_one_person():
    settings = Settings()
    assert settings.host == "127.0.0.1"
    assert settings.port == 5006
    assert settings.data_path == Path("~/.local/share/residua").expanduser().resolve()
    assert 1 <= settings.n_workers <= 4


@pytest.mark.parametrize("one", declared(), ids=lambda one: one.name)
def test_every_setting_is_explained(one):
    assert len(one.metadata["help"]) > 20
    assert one.metadata["help"].endswith(".")
    assert one.metadata["environment"][0] == f"RESIDUA_{one.name.upper()}" or one.name == "data_dir"


def test_environment_variables_fill_settings_in():
    found = from_environment(
        {"PORT": "80", "RESIDUA_PORT": "6000", "RESIDUA_EXAMPLE": "no", "RESIDUA_DATA": ""}
    )
    assert found == {"port": 6000, "example": False}
    assert from_environment({"PORT": "80"}) == {"port": 80}


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        ({"PORT": "http"}, "PORT is 'http', but must be a whole number"),
        ({"RESIDUA_CANCEL_GRACE": "soon"}, "must be a number"),
        ({"RESIDUA_OPEN_BROWSER": "maybe"}, "must be yes or no"),
    ],
)
def test_unreadable_environment_variables_are_named(environment, sentence):
    with pytest.raises(SettingError, match=sentence):
        from_environment(environment)


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"port": 70000}, "port is 70000, but must lie between 0 and 65535"),
        ({"max_upload_mb": 0}, "max_upload_mb is 0"),
        ({"host": " "}, "host is empty"),
    ],
)
def test_settings_out_of_range_are_refused(changed, sentence):
    with pytest.raises(SettingError, match=sentence):
        Settings(**changed)


def test_only_named_hosts_may_open_the_server():
    assert Settings().origins(5006) == ["127.0.0.1:5006", "localhost:5006"]
    lab = Settings(host="0.0.0.0", allowed_hosts="lab.example.org, localhost:8080")
    assert "0.0.0.0" not in lab.host_names
    assert "lab.example.org" in lab.host_names
    assert "localhost:8080" in lab.origins(5006)
    assert "lab.example.org:443" in lab.origins(5006)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "lab.toml"
    path.write_text('port = 7000\nworkers = 3\nhost = "0.0.0.0"\ncancel_grace = 5\nexample = false\n')
    return path


def test_an_option_goes_before_the_environment_and_that_before_the_file(file):
    settings = gathered(
        {"port": 7002, "config": str(file), "workers": None, "host": None},
        {"RESIDUA_PORT": "7001", "RESIDUA_WORKERS": "2"},
    )
    assert (settings.port, settings.workers, settings.host) == (7002, 2, "0.0.0.0")
    assert (settings.cancel_grace, settings.example, settings.torch_threads) == (5.0, False, 1)


def test_the_environment_can_name_the_file(file):
    assert gathered({}, {"RESIDUA_CONFIG": str(file)}).port == 7000


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("prot = 80", r"prot in .*lab.toml is no setting. Did you mean port\?"),
        ('port = "80"', "port in .* is '80', but must be a whole number"),
        ("port = true", "port in .* is True, but must be a whole number"),
        ("example = 1", "example in .* is 1, but must be true or false"),
        ("host = 1", "host in .* is 1, but must be a text in quotes"),
        ('config = "other.toml"', "config in .* is no setting"),
        ("port = ", "lab.toml is not TOML"),
        ("[serve]\nport = 80", "serve in .* is no setting"),
    ],
)
def test_a_line_that_cannot_be_used_is_named(tmp_path, line, sentence):
    path = tmp_path / "lab.toml"
    path.write_text(line)
    with pytest.raises(SettingError, match=sentence):
        from_file(path)


def test_a_settings_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(SettingError, match=r"none.toml cannot be read .* --config"):
        gathered({"config": str(tmp_path / "none.toml")}, {})


@pytest.mark.parametrize("name", PAGES)
def test_the_page_is_current(name):
    path = Path(__file__).resolve().parents[2] / "docs" / name
    assert path.read_text(encoding="utf-8") == PAGES[name](), "run: make docs"


def test_the_help_and_the_page_tell_every_setting():
    shown = CliRunner().invoke(app, ["serve", "--help"], env={"COLUMNS": "200"}).output
    page = PAGES["settings.md"]()
    for one in declared():
        for text in (shown, page):
            assert (flag_of(one.name) in re.findall(r"--[a-z-]+", text)) is not one.metadata["secret"]
        assert one.metadata["environment"][0] in page
