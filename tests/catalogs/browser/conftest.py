"""What tests of the browser share: Chromium, and the command that serves pages."""

import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Error, sync_playwright

from tests.commands import Command, Commands

Browse = Callable[..., AbstractContextManager[tuple[str, Command]]]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """The system's Chromium, or the one that Playwright was told to fetch; while it is open, asyncio.run fails."""
    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(
                executable_path=shutil.which("chromium"), args=["--no-sandbox"]
            )
        except Error as error:
            pytest.skip(f"no Chromium: install it, or run 'playwright install chromium' ({str(error)[:80]})")
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def browse(commands: Commands) -> Browse:
    """`stylemill browse` over a folder of designs, while a block lasts: its address, and its process."""

    @contextmanager
    def serving(where: Path, *options: str) -> Iterator[tuple[str, Command]]:
        words = ["browse", "--designs", where, "--port", "0", "--who", "ann", *options]
        with tempfile.NamedTemporaryFile() as said:
            server = commands.start(*words, environment=os.environ, out=said.file, err=said.file)
            try:
                yield _address(Path(said.name), server), server
            finally:
                server.terminate()
                server.wait(15)

    return serving


def _address(said: Path, server: Command) -> str:
    """The address that the command tells."""
    until = time.monotonic() + 60
    while not (address := re.search(r"http://\S+/(?=\s)", said.read_text())):
        assert server.poll() is None and time.monotonic() < until, said.read_text()
        time.sleep(0.02)
    return address[0]
