"""Answers one task of Label Studio in headless Chromium: python label_in_browser.py PAGE EMAIL PASSWORD SCREENSHOT

It runs in Label Studio's environment, which has selenium, and does what a person does: log in, paint a stroke on each
image, choose `match`, submit. It fails where the pages ask any other machine.
"""

from __future__ import annotations

import json
import sys
from urllib.parse import urlsplit

from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.expected_conditions import element_to_be_clickable
from selenium.webdriver.support.wait import WebDriverWait

PATIENCE = 120  # seconds; the editor loads in 10 on two busy cores
WINDOW = "--window-size=1600,1400"
LABEL = ".lsf-labels .lsf-label"  # the brush of each image
OVERLAY = "canvas[class*=overlay]"  # one lies over each image
NO_REGION = "View region details"  # what the editor says where no region is selected


def asked(browser: webdriver.Chrome) -> set[str]:
    """The hosts that the browser has asked for something."""
    events = (json.loads(line["message"])["message"] for line in browser.get_log("performance"))
    sent = (each["params"]["request"]["url"] for each in events if each["method"] == "Network.requestWillBeSent")
    return {host for url in sent if (host := urlsplit(url).hostname)}


def main(page: str, email: str, password: str, screenshot: str) -> None:
    """Answers the task of `page`."""
    options = webdriver.ChromeOptions()
    for option in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", WINDOW):
        options.add_argument(option)
    options.binary_location = "/usr/bin/chromium"
    options.set_capability("goog:loggingPrefs", {"performance": "ALL"})
    browser = webdriver.Chrome(options, webdriver.ChromeService("/usr/bin/chromedriver"))
    try:
        wait = WebDriverWait(browser, PATIENCE, ignored_exceptions=[StaleElementReferenceException])
        browser.get("{0.scheme}://{0.netloc}/user/login/".format(urlsplit(page)))
        browser.find_element(By.NAME, "email").send_keys(email)
        browser.find_element(By.NAME, "password").send_keys(password)
        browser.find_element(By.CSS_SELECTOR, "button[type=submit]").click()
        wait.until(lambda at: "/user/login" not in at.current_url)
        browser.get(page)
        labels = wait.until(lambda at: at.find_elements(By.CSS_SELECTOR, LABEL))
        wait.until(lambda at: len(at.find_elements(By.CSS_SELECTOR, OVERLAY)) >= len(labels))
        for n in range(len(labels)):
            wait.until(lambda at, n=n: at.find_elements(By.CSS_SELECTOR, LABEL)[n].click() is None)  # redrawn at times
            image = browser.find_elements(By.CSS_SELECTOR, OVERLAY)[n]
            stroke = ActionChains(browser).move_to_element_with_offset(image, -60, -40).click_and_hold()
            for _ in range(8):
                stroke = stroke.move_by_offset(12, 8)
            stroke.release().perform()
            wait.until(lambda at: NO_REGION not in at.page_source)  # the stroke is the region that is selected
            browser.find_element(By.TAG_NAME, "body").send_keys(Keys.ESCAPE)  # else the next one belongs to it
            wait.until(lambda at: NO_REGION in at.page_source)
        choice = browser.find_element(By.CSS_SELECTOR, ".lsf-choice__checkbox input")  # the first is match
        if not choice.is_selected():  # the machine's answer is there already
            choice.click()
        browser.save_screenshot(screenshot)
        wait.until(element_to_be_clickable((By.CSS_SELECTOR, "[aria-label='Submit current annotation']"))).click()
        wait.until(lambda at: at.find_elements(By.CSS_SELECTOR, "[aria-label=submit]"))  # it says Update then
        if others := asked(browser) - {"127.0.0.1"}:
            sys.exit(f"its pages ask {', '.join(sorted(others))}")
    finally:
        browser.quit()


if __name__ == "__main__":
    main(*sys.argv[1:])
