"""Texts that want to be more than texts: descriptions, expressions, code in a notebook, titles; without a server."""

from __future__ import annotations

import ast
import time
from copy import deepcopy

import numpy as np
import pytest

import engine
from dashboard import ui
from dashboard.reports.edits import START, statements
from dashboard.state.exchange import from_text


@pytest.mark.parametrize(
    "text",
    [
        "!!python/object/apply:os.system ['touch pwned']",
        "residua: 1\nimages: [{data: /etc/passwd}]\ncomponents: []",
        "residua: 1\nimages: [{data: '../../residua.db'}]\ncomponents: []",
        "a: &a [1]\n"
        + "".join(f"{chr(98 + n)}: &{chr(98 + n)} [*{chr(97 + n)}, *{chr(97 + n)}]\n" for n in range(24)),
        "residua: 1\nimages: []\ncomponents: [{name: x, model: sersic, parameters: {n: {prior: '__import__(1)'}}}]",
    ],
    ids=["object", "path", "climb", "bomb", "expression"],
)
def test_a_pasted_description_runs_nothing_and_reads_no_file(tmp_path, monkeypatch, text):
    monkeypatch.chdir(tmp_path)
    begun = time.monotonic()
    with pytest.raises(engine.EngineError, match=r"\w") as refused:
        engine.load(from_text(text, []))
    assert "root:" not in str(refused.value)
    assert time.monotonic() - begun < 5
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("key", ["link", "prior"])
@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('touch pwned')",
        "normal(open('pwned', 'w'), 1)",
        "disk.__class__.__mro__",
        "(lambda: 1)()",
        "[one for one in (1,)][0]",
        "9**9**9**9",
        "uniform(0, 9**9**9**9)",
        "(" * 3000 + "1" + ")" * 3000,
        "1" + "+1" * 100_000,
        "f'{disk.n}'",
    ],
    ids=lambda text: text[:24],
)
def test_an_expression_is_arithmetic_and_soon_done(tmp_path, monkeypatch, key, text):
    monkeypatch.chdir(tmp_path)
    radius = {"link": text} if key == "link" else {"value": 1.0, "prior": text}
    component = {"name": "disk", "model": "sersic", "parameters": {"n": 2.0, "radius_e": radius}}
    begun = time.monotonic()
    with pytest.raises(engine.EngineError, match=r"link|prior"):
        engine.load({"residua": 1, "images": [{"data": np.ones((8, 8))}], "components": [component]})
    assert time.monotonic() - begun < 5
    assert list(tmp_path.iterdir()) == []


HOSTILE = (
    "x'); __import__('os').system('touch pwned'); ('",
    'x"""\n__import__("os").system("touch pwned")\n"""',
    "\\",
    "a\n#\nopen('pwned', 'w')",
    "{0.__class__}",
)


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_the_code_of_an_edit_calls_nothing(text):
    """The notebook of a project that somebody else shared is run by its readers."""
    after = {
        **START,
        "images": [{"name": text, "data": text}],
        "components": [{"name": text, "model": text, "parameters": {text: {"value": 1.0, text: text}}}],
        text: [text],
    }
    changed = {**after, "components": [{**after["components"][0], "model": f"{text}2", "tags": {text: text}}]}
    for before, then in ((START, after), (after, changed), (changed, START)):
        for line in statements(before, then):
            calls = [node for node in ast.walk(ast.parse(line)) if isinstance(node, ast.Call)]
            assert all(isinstance(one.func, ast.Attribute) and one.func.attr == "append" for one in calls), (
                line
            )
        scope = {"description": deepcopy(before)}
        exec("\n".join(statements(before, then)), scope)
        assert scope["description"] == then


def test_a_title_stays_within_its_attribute():
    shell = ui.page('"><img src=x onerror=alert(1)>', header=[], main=[])
    assert shell.meta.title.endswith(" · Residua")
    assert not set('"<>') & set(shell.meta.title)
