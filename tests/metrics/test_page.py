# SPDX-License-Identifier: Apache-2.0
"""The page in a real browser, on a desktop's screen and on a phone's."""

import contextlib

import pytest

from harness import wait_for
from metrics.browser import Browser
from metrics.observed import Observed
from wire.protocol import Node, exchange, port2

pytestmark = pytest.mark.needs("chromium")

NAMES = ["rabbit", "<b>bold</b>&amp;", "<script>document.title='run'</script>", "x" * 255,
         "\u202eright to left", "\u05d0\u05d1\u05d2", "\u017c\u00f3\u0142w \U0001f600"]
SCREENS = {"desktop": (1280, 800), "phone": (390, 844), "small phone": (320, 568)}
OVERFLOWING = """[...document.querySelectorAll('body *')].filter(
    (it) => it.getBoundingClientRect().right > document.documentElement.clientWidth
            || it.scrollWidth > it.clientWidth && it.clientWidth > 0
               && getComputedStyle(it).display != 'inline').map((it) => it.outerHTML)"""


@pytest.fixture(scope="module")
def browser():
    with Browser() as running:
        yield running


@pytest.fixture
def busy(ours):
    with Observed(ours, "-keeper") as daemon, contextlib.ExitStack() as held:
        for name in NAMES:
            held.enter_context(Node(daemon, name.encode()))
        Node(daemon, b"rabbit").close()
        exchange(daemon, port2(b"none"))
        yield daemon


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("screen", SCREENS)
def test_it_fits_the_screen(browser, busy, screen, dark, request):
    width, height = SCREENS[screen]
    browser.show(f"http://127.0.0.1:{busy.metrics_port}/", width, height, dark)
    assert browser.value("innerWidth") == width
    assert browser.value("document.documentElement.scrollWidth <= innerWidth")
    assert browser.value(OVERFLOWING) == []
    assert browser.value("parseFloat(getComputedStyle(document.querySelector('tbody th'))"
                         ".fontSize)") >= 16
    back = browser.value("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, back[4:-1].split(","))) < 3 * 128) == dark


def test_names_are_text(browser, busy):
    browser.show(f"http://127.0.0.1:{busy.metrics_port}/", *SCREENS["desktop"])
    shown = browser.value("[...document.querySelectorAll('tbody th')].map((it) => it.innerText)")
    assert set(shown) == {name.replace("\u202e", r"\xe2\x80\xae") for name in NAMES}
    assert browser.value("document.querySelectorAll('script, th b').length") == 0
    assert browser.value("document.title").startswith("epmd on ")
    rows = browser.value("document.body.innerText")
    n = len(NAMES)
    for part in "The name is taken", "keeper", f"holds {n} of {n} nodes", "1 found no node":
        assert part.lower() in rows.lower()


def test_it_loads_itself_again(browser, busy):
    browser.show(f"http://127.0.0.1:{busy.metrics_port}/", *SCREENS["phone"])
    with Node(busy, b"latecomer"):
        wait_for(lambda: browser.text_has("latecomer"), timeout=15, what="the new node")
    wait_for(lambda: not browser.text_has("latecomer"), timeout=15, what="its end")


def test_no_script_runs_and_nothing_else_is_loaded(browser, busy):
    """Not even where the page had one: what the headers forbid."""
    browser.show(f"http://127.0.0.1:{busy.metrics_port}/", *SCREENS["desktop"])
    assert browser.value("performance.getEntriesByType('resource').length") == 0
    browser.value("document.body.insertAdjacentHTML('beforeend', "
                  "'<img src=/metrics onerror=\"document.title=1\">')")
    assert browser.value("new Promise((done) => { const it = document.createElement('script');"
                         "it.textContent = 'document.title = 2'; document.body.append(it);"
                         "setTimeout(() => done(document.title), 100) })").startswith("epmd on ")


def test_many_nodes_are_quick(browser, ours):
    with contextlib.ExitStack() as held, Observed(ours) as daemon:
        for number in range(1005):
            held.enter_context(Node(daemon, b"node%d" % number))
        browser.show(f"http://127.0.0.1:{daemon.metrics_port}/", *SCREENS["phone"])
        assert browser.value("document.querySelectorAll('tbody th').length") == 1000
        assert browser.text_has("And 5 more")
        times = browser.value("performance.getEntriesByType('navigation')[0].toJSON()")
        assert times["loadEventEnd"] < 2000, times
