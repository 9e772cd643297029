"""A person at the page, in a real browser: signs in, asks, searches the web, attaches, looks into the admin's pages.

    python browse.py URL PASSWORD FOLDER    leaves a picture of each step in FOLDER

Runs on the Python that has Playwright (tests/webui/install.sh), with the machine's Chromium. Prints what the page said
as a line of JSON. Ends with an exception where a step cannot be done.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

from playwright.sync_api import FilePayload, Page, sync_playwright

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
REAL, CITING = "smollm2-135m-instruct", "scripted-citing"
"""tests/webui/conftest.py says what they are."""


class Visit:
    """One sitting; every step blocks until the page shows its outcome."""

    def __init__(self, page: Page, url: str, folder: Path) -> None:
        self._page, self._url, self._folder = page, url, folder
        self.said: dict[str, Any] = {}

    def picture(self, name: str) -> None:
        self._page.wait_for_timeout(500)  # what fades in is there then
        self._page.screenshot(path=self._folder / f"{name}.png")

    def sign_in(self, password: str) -> None:
        page = self._page
        page.goto(f"{self._url}/auth")
        page.locator("input[type=email]").fill("admin@localhost")
        page.locator("input[type=password]").fill(password)
        self.picture("sign-in")
        self.said["sign_up"] = page.get_by_text("Sign up").count()
        page.locator("button[type=submit]").click()
        page.locator("#chat-input").wait_for()
        page.get_by_text("Suggested").wait_for()
        self.picture("home")
        self.said["dialogs"] = page.get_by_role("dialog").count()
        self.said["model"] = page.locator("#model-selector-model-button").inner_text()

    def ask(self, model: str, text: str, search: bool = False) -> str:
        """What the answer's bubble says in the end; where a search was asked for, its switch is found and used."""
        page = self._page
        page.goto(f"{self._url}/?models={model}")
        page.locator("#chat-input").click()
        page.keyboard.insert_text(text)
        if search:
            page.locator("#integration-menu-button").click()
            page.get_by_text("Web Search", exact=True).click()
            page.keyboard.press("Escape")
        page.locator("#send-message-button").click()
        page.get_by_role("button", name="Regenerate").wait_for(timeout=120_000)
        return str(page.locator("#response-content-container").last.inner_text())

    def opened_source(self) -> str:
        """What is behind the first number in the answer."""
        self._page.get_by_role("button", name="View source").first.click()
        source = self._page.get_by_role("dialog")
        source.wait_for()
        return str(source.inner_text())

    def refused_file(self) -> str:
        """What the page says to a file that its slim image cannot read."""
        page = self._page
        page.goto(self._url)
        page.locator("#chat-input").wait_for()
        file = FilePayload(name="paper.pdf", mimeType="application/pdf", buffer=b"%PDF-1.4\n%%EOF")
        page.locator("input[type=file]").first.set_input_files(file)
        said = page.locator("[data-sonner-toast]").first
        said.wait_for()
        self.picture("refused-file")
        self.said["attached"] = page.get_by_text("paper.pdf").count()
        return str(said.inner_text())

    def look(self, path: str, text: str, name: str) -> None:
        """A page of the admin's settings is up when `text` is on it."""
        self._page.goto(self._url + path)
        self._page.get_by_text(text).first.wait_for()
        self.picture(name)


def tour(visit: Visit, password: str) -> None:
    said = visit.said
    visit.sign_in(password)
    said["chat"] = visit.ask(REAL, "What is the capital of France?")
    visit.picture("chat")
    said["searched"] = visit.ask(CITING, "What does the NPU of the RK3588 deliver?", search=True)
    visit.picture("search")
    said["source"] = visit.opened_source()
    visit.picture("source")
    said["refused_file"] = visit.refused_file()
    visit.look("/admin/settings/models", "SmolLM2 135M Instruct", "admin-models")
    visit.look("/admin/settings/web", "Searxng Query URL", "admin-search")
    visit.look("/admin/users/overview", "admin@localhost", "admin-users")


def main(url: str, password: str, folder: str) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        visit = Visit(browser.new_page(viewport={"width": 1100, "height": 700}), url, Path(folder))
        tour(visit, password)
        browser.close()
        print(json.dumps(visit.said))


if __name__ == "__main__":
    main(*sys.argv[1:])
