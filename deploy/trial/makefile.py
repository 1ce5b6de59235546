"""Tries the Makefile's promises in a root folder with nothing but Python, make, git and certificates."""

from __future__ import annotations

import subprocess
import time
import urllib.request

from deploy.trial.container import Container
from deploy.trial.image import ROOT, Given, say

NOTHING_BUT = ["python3", "make", "git", "ca-certificates"]
PORT = 5996


def try_makefile(given: Given, tests: str) -> None:
    """A fresh clone, then the README's commands."""
    root = given.copy(given.with_packages("bare", NOTHING_BUT), "make")
    subprocess.run(
        ["git", "clone", "--quiet", "--depth", "1", f"file://{ROOT}", root / "residua"], check=True
    )
    container = given.lent(Container(root, folder="/residua", environment={"HOME": "/root", "TERM": "dumb"}))
    for target in ("setup", "postgres"):
        _make(container, target)
    service = container.start(["make", "serve", f"PORT={PORT}"], given.folder / "make-serve.log")
    deadline = time.monotonic() + 120
    while f"Residua is at http://127.0.0.1:{PORT}/" not in service.log.read_text():
        if time.monotonic() > deadline or service.process.poll() is not None:
            raise SystemExit(service.log.read_text()[-4000:])
        time.sleep(0.5)
    with urllib.request.urlopen(f"http://127.0.0.1:{PORT}/", timeout=60) as page:
        say(f"make serve: the page has {len(page.read())} bytes")
    service.stop()
    said = _make(container, "test", f"ARGS={tests} -q -rs")
    say(said.strip().splitlines()[-1])
    if "skipped" in said.lower().splitlines()[-1] or "SKIPPED" in said:
        raise SystemExit(f"Tests were skipped:\n{said[-2000:]}")


def _make(container: Container, *words: str) -> str:
    began = time.monotonic()
    said = container.run(["make", *words], seconds=3600)
    say(f"make {' '.join(words)}: {time.monotonic() - began:.0f} s")
    return said
