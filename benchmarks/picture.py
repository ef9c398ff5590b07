"""Take README's picture of the report: `make picture`, after `make repro` and some `groundwork try titanic ...`.

Two runs of the lane are ticked. Chromium and chromedriver are needed.
"""

import shutil
import sys
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.support.ui import WebDriverWait

PAGE, PICTURE = Path("results/report/index.html"), Path("docs/report.png")
LANE, WIDTH, HEIGHT = "titanic", 1280, 1860
COLORS = 96  # enough for lines and text, and a quarter of the bytes


def main() -> None:
    """Open the page, compare two runs, and save what a person would see."""
    from PIL import Image

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or shutil.which("google-chrome") or sys.exit("found no chromium")
    for argument in ("headless=new", "no-sandbox", "disable-gpu", "hide-scrollbars", f"window-size={WIDTH},{HEIGHT}"):
        options.add_argument(f"--{argument}")
    browser = webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which("chromedriver")))
    try:
        size = {"width": WIDTH, "height": HEIGHT, "deviceScaleFactor": 1, "mobile": False}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        browser.get(PAGE.resolve().as_uri())
        wait = WebDriverWait(browser, 60)
        wait.until(lambda driver: driver.execute_script("return document.documentElement.dataset.ready"))
        browser.execute_script(
            "const lane = document.querySelector(arguments[0]);"
            "[...lane.querySelectorAll('table.runs input')].slice(0, 2).forEach((box) => box.click());"
            "lane.querySelector('.compare').after(lane.querySelector('.panels'));"
            "dispatchEvent(new Event('beforeprint')); dispatchEvent(new Event('afterprint'));"
            "lane.scrollIntoView({behavior: 'instant'})",
            f"section[data-lane={LANE}]",
        )
        drawn = f"return document.querySelectorAll('section[data-lane={LANE}] .chart svg').length > 4"
        wait.until(lambda driver: driver.execute_script(drawn))
        browser.save_screenshot(str(PICTURE))
    finally:
        browser.quit()
    with Image.open(PICTURE) as picture:
        smaller = picture.convert("RGB").quantize(COLORS, dither=Image.Dither.NONE)
    smaller.save(PICTURE, optimize=True)
    print(f"{PICTURE}: {PICTURE.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
