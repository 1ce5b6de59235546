from __future__ import annotations

from pathlib import Path

import pytest

from dashboard.settings import SettingError, Settings, declared, from_environment


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
