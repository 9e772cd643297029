"""A person at the page, in a real browser: signs in, asks, searches the web, looks into the admin's pages.

    python browse.py URL PASSWORD FOLDER    leaves a picture of each step in FOLDER

Runs on the Python that has Playwright (tests/webui/install.sh), with the Chromium of the machine. Prints one line of JSON:
what the page said. Ends with an exception where a step cannot be done.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
QUESTION = "What does the NPU of the RK3588 deliver?"
ANSWER = {"text": "<think>The first source says it.</think>It delivers **6 TOPS** with int8 [1].", "prefill_steps": 2}


class Visit:
    """One sitting; every step blocks until the page shows its outcome."""

    def __init__(self, page: Page, url: str, folder: Path) -> None:
        self._page, self._url, self._folder = page, url, folder
        self.said: dict[str, Any] = {}

    def picture(self, name: str) -> None:
        self._page.wait_for_timeout(700)  # what fades in is there then
        self._page.screenshot(path=self._folder / f"{name}.png")

    def sign_in(self, password: str) -> None:
        page = self._page
        page.goto(f"{self._url}/auth")
        page.locator("input[type=email]").fill("admin@localhost")
        page.locator("input[type=password]").fill(password)
        self.picture("sign-in")
        self.said["sign_up_offered"] = page.get_by_text("Sign up").count() > 0
        page.locator("button[type=submit]").click()
        page.locator("#chat-input").wait_for()
        self.picture("first")
        news = page.get_by_role("button", name="Okay, Let's Go!")
        if news.count():
            news.click()
        self.said["model"] = page.locator("#model-selector-0-button").inner_text()

    def ask(self, text: str) -> None:
        self._page.locator("#chat-input").click()
        self._page.keyboard.insert_text(text)
        self._page.locator("#send-message-button").click()


def main(url: str, password: str, folder: str) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        page = browser.new_page(viewport={"width": 1180, "height": 760})
        visit = Visit(page, url, Path(folder))
        visit.sign_in(password)
        visit.picture("home")
        print(json.dumps(visit.said))
        browser.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
