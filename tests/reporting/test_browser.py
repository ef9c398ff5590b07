"""The report in a real Chromium: it sorts, filters, compares and draws, asks no address for anything, and prints."""

import base64
import json
import random
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from groundwork.reporting.page import report

webdriver = pytest.importorskip("selenium.webdriver")
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")

pytestmark = pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="no chromium, or no chromedriver")

Write = Callable[..., dict[str, Any]]
PAGE = Path("results/report/index.html")
READY = "return document.documentElement.dataset.ready === 'yes'"
RUNS = "table.runs tbody tr[data-run]"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    profile = tmp_path_factory.mktemp("profile")
    for argument in ("headless=new", "no-sandbox", "disable-gpu", "window-size=1280,1000", f"user-data-dir={profile}"):
        options.add_argument(f"--{argument}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    yield driver
    driver.quit()


def write_runs(experiment: Write, count: int, lane: str = "titanic") -> None:
    """Write experiments with random settings; their scores grow with their numbers."""
    draw = random.Random(0)
    for number in range(count):
        mean = 0.7 + 0.2 * number / count
        experiment(
            f"run{number:04d}",
            lane,
            mean,
            params={"model": {"network": "fnn", "dropout": draw.choice([0.1, 0.2, 0.4]), "width": 2 ** (number % 4)}},
            run={"started": f"2026-11-21T12:{number // 60 % 60:02d}:{number % 60:02d}+00:00"},
            note="wider" if number == 1 else "",
        )


def opened(browser: Any, width: int = 1280) -> Any:
    from selenium.webdriver.support.ui import WebDriverWait

    metrics = {"width": width, "height": 1000, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    for log in ("browser", "performance"):
        browser.get_log(log)
    browser.get(PAGE.resolve().as_uri())
    WebDriverWait(browser, 60).until(lambda driver: driver.execute_script(READY))
    return browser


def draw_all(browser: Any) -> None:
    """Draw every chart, as before printing."""
    from selenium.webdriver.support.ui import WebDriverWait

    browser.execute_script("dispatchEvent(new Event('beforeprint'))")
    charts = "[...document.querySelectorAll('.chart')].filter((one) => !one.parentElement.hidden)"
    drawn = f"return {charts}.every((one) => one.querySelector('svg'))"
    WebDriverWait(browser, 60).until(lambda driver: driver.execute_script(drawn))


def order(browser: Any) -> list[str]:
    return browser.execute_script(
        f"return [...document.querySelectorAll('{RUNS}')].filter((row) => !row.hidden).map((row) => row.dataset.run)"
    )


def click(browser: Any, css: str) -> None:
    browser.execute_script("document.querySelector(arguments[0]).click()", css)


def tick(browser: Any, *runs: str) -> str:
    """Tick the boxes of some runs; return what the panel then says."""
    for run in runs:
        click(browser, f"tr[data-run='{run}'] input")
    return browser.execute_script("return document.querySelector('.compare').innerText")


def test_charts_are_drawn_nothing_fails_and_no_request_leaves(browser: Any, experiment: Write) -> None:
    write_runs(experiment, 6)
    scatter = {"kind": "scatter", "actual": [1e5, 2e5, 4e5], "predicted": [1.1e5, 1.9e5, 3.5e5]}
    experiment("prices01", "house-prices", 0.12, plot=scatter, metrics={"metric": "rmse", "higher_is_better": False})
    report()
    opened(browser)
    draw_all(browser)
    assert browser.execute_script("return document.querySelectorAll('.chart svg').length") == 4 + 3
    assert [entry["message"] for entry in browser.get_log("browser")] == []
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked = [one["params"]["request"]["url"] for one in messages if one["method"] == "Network.requestWillBeSent"]
    assert PAGE.resolve().as_uri() in asked
    assert [address for address in asked if not address.startswith(("file:", "data:", "chrome:"))] == []


def test_runs_are_sorted_by_a_click_on_a_head(browser: Any, experiment: Write) -> None:
    write_runs(experiment, 6)
    report()
    opened(browser)
    by_score = [f"run{number:04d}" for number in range(5, -1, -1)]
    assert order(browser) == by_score
    head = "table.runs thead th:nth-child(4)"
    click(browser, f"{head} button")
    assert order(browser) == by_score[::-1]
    assert browser.execute_script(f"return document.querySelector('{head}').getAttribute('aria-sort')") == "ascending"
    click(browser, f"{head} button")
    assert order(browser) == by_score
    click(browser, f"{head} button")
    assert browser.execute_script(f"return document.querySelector('{head}').hasAttribute('aria-sort')") is False


def test_baselines_have_no_values_in_the_columns_of_experiments(browser: Any, experiment: Write) -> None:
    write_runs(experiment, 3)
    metrics = {"metric": "accuracy", "higher_is_better": True, "sd": 0.02, "folds": [0.5] * 2, "rows": 100}
    record = {
        "name": "constant",
        "seconds": 1e6,
        "folds_sha256": "f" * 64,
        "metrics": {**metrics, "mean": 0.6, "oof": 0.6},
    }
    Path("results/titanic").mkdir()
    Path("results/titanic/baselines.json").write_text(json.dumps([record]))
    report()
    opened(browser)
    heads = browser.execute_script(
        "return [...document.querySelectorAll('table.runs thead th')].map((one) => one.innerText)"
    )
    rows = "return [...document.querySelectorAll('table.runs tbody tr')].map((row) => row.cells[2].innerText)"
    for title in ("width", "commit"):
        (column,) = [place for place, head in enumerate(heads, start=2) if title in head]
        click(browser, f"table.runs thead tr > :nth-child({column}) button")
        assert browser.execute_script(rows)[-1] == "constant", "a cell without a value stays below"
    click(browser, f"table.runs thead tr > :nth-child({len(heads) + 1}) button")
    assert browser.execute_script(rows)[-1] == "constant", "a million seconds is the most"


def test_runs_are_filtered_by_their_settings_and_notes(browser: Any, experiment: Write) -> None:
    from selenium.webdriver.common.by import By

    write_runs(experiment, 8)
    report()
    opened(browser)
    box = browser.find_element(By.CSS_SELECTOR, ".filter")
    box.send_keys("model.width=8")
    assert order(browser) == ["run0007", "run0003"]
    assert "2 of 8 rows" in browser.execute_script("return document.querySelector('[role=status]').innerText")
    box.clear()
    box.send_keys("wider")
    assert order(browser) == ["run0001"]


def test_two_ticked_runs_are_compared_fold_by_fold_with_the_verdict(browser: Any, experiment: Write) -> None:
    write_runs(experiment, 6)
    report()
    opened(browser)
    said = re.sub(r"\s+", " ", tick(browser, "run0005", "run0004"))
    assert "fold 0 0.8567 0.8233 +0.0333" in said
    assert "mean of the folds 0.8667 0.8333 +0.0333 ± 0.0000" in said
    assert "model.width 2 1" in said
    titles = browser.execute_script("return [...document.querySelectorAll('.curves h3')].map((one) => one.innerText)")
    assert titles[0] == "Loss of run0005, run0004; dashed: training"
    draw_all(browser)
    said = re.sub(r"\s+", " ", tick(browser, "run0003"))
    assert "Folds, pair by pair" not in said
    assert "model.width 2 1 8" in said
    said = re.sub(r"\s+", " ", tick(browser, "run0004"))
    known = "return JSON.parse(document.querySelector('script.lane').textContent).verdicts"
    bases = {run: base for run, base, _ in browser.execute_script(known)}
    assert bases["run0005"] != "run0003"
    assert "groundwork compare run0005 run0003" in said, "this pair has no verdict in the page"
    said = re.sub(r"\s+", " ", tick(browser, "run0003", bases["run0005"]))
    assert f"no verdict on run0005 and {bases['run0005']}: " in said, "the same words as everywhere"


def test_what_led_no_further_is_folded_away_and_opens_by_a_click(browser: Any, experiment: Write) -> None:
    write_runs(experiment, 12)
    for number in range(1, 12):
        name = f"run{number:04d}"
        small = json.loads(Path(f"results/experiments/titanic/{name}.json").read_text()) | {"base": "run0000"}
        path = Path(f"results/memory/titanic/{name}.json")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(small))
    report()
    opened(browser)
    shown = "return [...document.querySelectorAll('.tree .id')].filter((one) => one.checkVisibility()).length"
    assert browser.execute_script(shown) == 1 + 8
    click(browser, ".tree summary")
    assert browser.execute_script(shown) == 12
    assert browser.execute_script("return document.querySelectorAll('.tree ul > :not(li)').length") == 0


@pytest.mark.parametrize("width", [390, 1280])
def test_the_page_is_as_wide_as_the_screen(browser: Any, experiment: Write, width: int) -> None:
    write_runs(experiment, 6)
    report()
    opened(browser, width)
    draw_all(browser)
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width


def test_hundreds_of_runs_stay_usable_and_small(browser: Any, experiment: Write) -> None:
    write_runs(experiment, 500)
    report()
    assert PAGE.stat().st_size < 6e6
    opened(browser)
    click(browser, "table.runs thead th:nth-child(4) button")
    assert order(browser)[0] == "run0000"
    assert "fold 0" in tick(browser, "run0000", "run0001")


def test_a_lane_prints_on_two_pages(browser: Any, experiment: Write) -> None:
    write_runs(experiment, 30)
    write_runs(experiment, 30, "house-prices")
    report()
    opened(browser)
    draw_all(browser)
    printed = base64.b64decode(browser.execute_cdp_cmd("Page.printToPDF", {"printBackground": True})["data"])
    assert len(re.findall(rb"/Type\s*/Page\b", printed)) <= 1 + 2 * 2, "the cards, and two pages for each lane"
