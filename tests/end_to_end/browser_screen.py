"""What a viewer sees: a page in a real browser, and what can be read on it."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from commands import Command
from selenium import webdriver
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.common.by import By

DEADLINE_SECONDS = 60.0

_TABLE = """
const root = document.querySelector(`[data-testid="${arguments[0]}"]`);
const text = cell => [...cell.childNodes].filter(node => !node.classList?.contains('q-icon'))
    .map(node => node.innerText ?? node.textContent).join('').trim();
const heads = [...root.querySelectorAll('thead th')].map(text);
return [heads, [...root.querySelectorAll('tbody tr')].map(row => [...row.querySelectorAll('td')].map(text))];
"""
# What is painted on the canvas of a chart: rectangles, lines and texts.
_PAINTED = """
const chart = getElement(document.querySelector(`[data-testid="${arguments[0]}"]`)).chart;
return chart.getZr().storage.getDisplayList(true).filter(shape => !shape.ignore).map(shape => ({
    type: shape.type, text: shape.style.text || '', fill: shape.style.fill || '', stroke: shape.style.stroke || '',
    y: Math.round(shape.shape?.y ?? 0), width: shape.shape?.width ?? 0}));
"""
_OPTIONS = """
const chart = getElement(document.querySelector(`[data-testid="${arguments[0]}"]`)).chart;
const {xAxis, yAxis, series, dataZoom} = chart.getOption();
return {from: xAxis[0].min, to: xAxis[0].max, labels: yAxis[0].data || [], scale: yAxis[0].type,
    data: series.map(one => one.data), zoom: [dataZoom[0].start, dataZoom[0].end]};
"""


class Screen:
    """The browser, with one or more pages of the UI."""

    def __init__(self, driver: webdriver.Chrome, url: str) -> None:
        self.driver = driver
        self.url = url

    def open(self, tab: str) -> None:
        """Choose a tab of the page."""
        label = f"//div[contains(@class, 'q-tab__label')][text()='{tab}']"
        self.wait(lambda: self.driver.find_element(By.XPATH, label).click() is None)

    def press(self, text: str) -> None:
        """Press a button."""
        button = f"//button[.//span[text()='{text}']]"
        self.wait(lambda: self.driver.find_element(By.XPATH, button).click() is None)

    def text(self, name: str) -> str:
        """Return the text of an element."""
        return self.driver.find_element(By.CSS_SELECTOR, f'[data-testid="{name}"]').text

    def heads(self, name: str) -> list[str]:
        heads: list[str] = self.driver.execute_script(_TABLE, name)[0]
        return heads

    def rows(self, name: str) -> list[dict[str, str]]:
        """Return the rows of a table by the heads of its columns."""
        heads, rows = self.driver.execute_script(_TABLE, name)
        return [dict(zip(heads, row, strict=True)) for row in rows]

    def painted(self, name: str) -> list[dict[str, Any]]:
        """Return the shapes on a chart."""
        shapes: list[dict[str, Any]] = self.driver.execute_script(_PAINTED, name)
        return shapes

    def chart(self, name: str) -> dict[str, Any]:
        """Return the axes and the data of a chart."""
        options: dict[str, Any] = self.driver.execute_script(_OPTIONS, name)
        return options

    def wait(self, condition: Callable[[], Any], seconds: float = DEADLINE_SECONDS) -> Any:
        """Return the first true value of a condition; what is not there yet is waited for, too."""
        deadline = time.monotonic() + seconds
        while True:
            error: WebDriverException | None = None
            try:
                if value := condition():
                    return value
            except WebDriverException as missing:
                error = missing
            assert time.monotonic() < deadline, f"{error or 'never true'}\n{self._body()}"
            time.sleep(0.1)

    def _body(self) -> str:
        return self.driver.find_element(By.TAG_NAME, "body").text


def address_of(command: Command) -> str:
    """Return where the command ``scaler_ui`` serves."""
    command.wait_for("web UI: http://")
    found = re.search(r"web UI: (http://\S+)", command.output)
    assert found is not None
    return found[1]


@contextmanager
def open_browser(*arguments: str) -> Iterator[webdriver.Chrome]:
    """Start a browser without a window; its files are gone with it."""
    chromium, chromedriver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or chromedriver is None:
        pytest.skip("a browser is missing: install the packages 'chromium' and 'chromium-driver'")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", *arguments):
        options.add_argument(argument)
    options.add_argument("--window-size=1700,1000")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    # The path of a socket must be short, and that of a test's own folder is not.
    with tempfile.TemporaryDirectory(prefix="b", dir="/tmp") as temporary:
        environment = {**os.environ, "TMPDIR": temporary, "HOME": temporary}
        driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(chromedriver, env=environment))
        try:
            yield driver
        finally:
            driver.quit()
