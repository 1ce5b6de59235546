"""People on a server with accounts: log in by password or provider, share a project, look at it, be shut out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from dashboard.accounts import passwords
from dashboard.store import Role
from dashboard.store.beside import people_of
from tests.browser.conftest import Server, serving, watched_page
from tests.browser.workbench import choose_example, wait_for_image
from tests.dashboard.provider import CLIENT, SECRET, providing

pytestmark = pytest.mark.browser

PASSWORD = "correct horse battery"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    data: Path = tmp_path_factory.mktemp("lab") / "data"
    with people_of(data) as people:
        for name, role in (("ada", Role.ADMIN), ("grace", Role.USER), ("linus", Role.USER)):
            people.accounts.add(name, passwords.hashed(PASSWORD), role)
    with providing() as provider:
        options = {
            "accounts": "oidc",
            "provider-url": provider.url,
            "provider-name": "Example ID",
            "provider-client-id": CLIENT,
            "provider-admits": "example.org",
        }
        words = [f"--{name}={value}" for name, value in options.items()]
        with serving(data, *words, RESIDUA_PROVIDER_CLIENT_SECRET=SECRET) as server:
            yield server


def log_in(page: Page, name: str, password: str = PASSWORD) -> None:
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()


def log_in_by_provider(page: Page, name: str) -> None:
    page.get_by_role("link", name="Log in with Example ID").click()
    page.get_by_role("link", name=f"Agree as {name}", exact=True).click()


def test_a_project_is_shared_by_link_looked_at_and_revoked(browser: Browser, lab: Server) -> None:
    complaints: list[str] = []
    strangers: list[str] = []
    with watched_page(browser, lab, complaints) as page, watched_page(browser, lab, strangers) as stranger:
        page.goto("/")
        expect(page.get_by_role("heading", name="Log in")).to_be_visible()
        log_in(page, "grace", "not the password")
        expect(page.get_by_role("alert")).to_contain_text("do not belong together")
        assert "401" in complaints.pop(), "the refusal is the only thing that the browser says"
        log_in(page, "grace")
        choose_example(page, "seed")
        project = page.url

        page.get_by_label("Share", exact=True).click()
        expect(page.get_by_role("list", name="People")).to_contain_text("grace")
        page.get_by_role("button", name="Make a link").click()
        link = page.get_by_label("The new link").input_value()
        assert link.startswith(f"{lab.url}/s/")

        stranger.goto(link)
        assert stranger.url == project
        wait_for_image(stranger)
        expect(stranger.get_by_text("Read only")).to_be_visible()
        for name in ("Fit", "Choose files", "Rename project", "Delete seed"):
            for control in stranger.get_by_role("button", name=name, exact=True).all():
                expect(control).to_be_disabled()
        expect(stranger.get_by_role("button", name="Fit", exact=True)).to_have_attribute(
            "title", "This project is open to you for reading only. Its owner can share it for writing."
        )
        expect(stranger.get_by_label("Share", exact=True)).to_have_count(0)
        pages = stranger.get_by_role("navigation", name="Other pages")
        expect(pages.get_by_role("link")).to_have_text(["Runs", "Compare", "Report"])
        stranger.goto(project.replace("/fit/", "/runs/"))
        expect(stranger.get_by_role("heading", name="Runs", exact=True)).to_be_visible()

        page.get_by_role("button", name="Close").click()
        page.get_by_label("Share", exact=True).click()
        expect(page.get_by_role("list", name="Links")).to_contain_text("by somebody without an account")
        page.get_by_role("button", name="Revoke").click()
        expect(page.get_by_role("list", name="Links")).to_be_hidden()
        stranger.goto(project)
        expect(stranger.get_by_role("heading", name="Log in")).to_be_visible()
        strangers.clear()  # the page that was open lost its connection, which is as it should be

        page.get_by_role("button", name="Close").click()
        page.get_by_role("button", name="Log out").click()
        expect(page.get_by_role("heading", name="Log in")).to_be_visible()
        page.goto(project)
        expect(page.get_by_role("heading", name="Log in")).to_be_visible()
        complaints.clear()


def test_a_project_is_shared_with_somebody_who_then_works_on_it(browser: Browser, lab: Server) -> None:
    complaints: list[str] = []
    with watched_page(browser, lab, complaints) as page, watched_page(browser, lab, complaints) as other:
        page.goto("/login")
        log_in(page, "grace")
        choose_example(page, "seed")
        project = page.url
        page.goto("/")
        card = page.get_by_role("listitem").filter(has=page.get_by_role("link", name="Three galaxies")).first
        card.hover()
        card.get_by_role("button", name="Share Three galaxies").click()
        page.get_by_label("Name of a person").fill("linus")
        page.get_by_label("What they may do").select_option("write")
        page.get_by_role("button", name="Share", exact=True).click()
        expect(page.get_by_role("list", name="People")).to_contain_text("linus")

        other.goto("/login")
        log_in(other, "linus")
        expect(other.get_by_text("of grace")).to_be_visible()
        expect(other.get_by_role("button", name="Delete Three galaxies")).to_have_count(0)
        other.goto(project)
        wait_for_image(other)
        fit = other.get_by_role("button", name="Fit", exact=True)
        expect(fit).to_be_enabled()
        fit.click()
        expect(other.get_by_role("list", name="Runs").get_by_role("listitem")).to_have_count(1)


def test_somebody_comes_by_a_provider_sees_their_own_and_leaves(browser: Browser, lab: Server) -> None:
    complaints: list[str] = []
    with watched_page(browser, lab, complaints) as page:
        page.goto("/")
        log_in_by_provider(page, "stranger")
        expect(page.get_by_role("alert")).to_have_text(
            "You are stranger@elsewhere.org at Example ID, and have no account here. Ask an admin to add you."
        )
        assert "403" in complaints.pop(), "the refusal is the only thing that the browser says"
        log_in_by_provider(page, "ada")
        expect(page.get_by_text("No projects yet.")).to_be_visible()
        # The admin of this name is somebody else.
        page.get_by_role("link", name="ada-2").click()
        expect(page.get_by_text("You log in with Example ID.")).to_be_visible()
        page.get_by_role("button", name="Log out").click()
        expect(page.get_by_role("heading", name="Log in")).to_be_visible()
        # Somebody with a password connects it, by a form that leads to another site.
        log_in(page, "linus")
        page.goto("/account")
        page.get_by_role("button", name="Connect Example ID").click()
        page.get_by_role("link", name="Agree as root").click()
        expect(page.get_by_text("You can log in with Example ID or with your password.")).to_be_visible()
        page.get_by_role("button", name="Log out").click()
        log_in_by_provider(page, "root")
        expect(page.get_by_role("link", name="linus")).to_be_visible()
