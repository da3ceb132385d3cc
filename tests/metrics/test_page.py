# SPDX-License-Identifier: Apache-2.0
"""The page in a real browser, on a desktop's screen and on phones'."""

import contextlib
import pathlib
import re

import pytest

import machine
from harness import ROOT, wait_for
from metrics.browser import Browser
from metrics.observed import Observed, ObservedKept
from metrics.test_http import STRANGE
from restart.keeping import Kept
from wire.protocol import Node, exchange, port2

pytestmark = pytest.mark.asked("clients")

needs_browser = pytest.mark.needs("chromium")

SCRIPTS = ["\u05d0\u05d1\u05d2", "\u0645\u0631\u062d\u0628\u0627", "\u017c\u00f3\u0142w",
           "\u03ba\u03cc\u03bc\u03b2\u03bf\u03c2", "\u0443\u0437\u0435\u043b", "\u8282\u70b9",
           "\u30ce\u30fc\u30c9", "\ub178\ub4dc", "\u0e42\u0e2b\u0e19\u0e14",
           "\u0928\u094b\u0921", "\U0001f468\u200d\U0001f469\u200d\U0001f467", "e" + "\u0301" * 200]
HOSTILE = ["<b>bold</b>&amp;", "<script>document.title='run'</script>",
           "<img src=x onerror=document.title='run'>", "\"><svg onload=document.title='run'>",
           "__proto__", "constructor", "} 1\nepmd_nodes 99", "x" * 255]
NAMES = ["rabbit"] + SCRIPTS + HOSTILE + ["\u202eright to left"]
SCREENS = {"desktop": (1280, 800), "phone": (390, 844), "small phone": (320, 568)}
OVERFLOWING = """[...document.querySelectorAll('body *')].filter((it) => !it.closest('[hidden]')
    && it.getBoundingClientRect().width > 0
    && (it.getBoundingClientRect().right > document.documentElement.clientWidth
        || it.scrollWidth > it.clientWidth && it.clientWidth > 0
           && getComputedStyle(it).display != 'inline')).map((it) => it.outerHTML)"""
NAMES_SHOWN = "[...document.querySelectorAll('#nodes tbody th')].map((it) => it.textContent)"


@pytest.fixture(scope="module")
def browser():
    with Browser() as running:
        yield running


@pytest.fixture
def busy(ours):
    with ObservedKept(ours) as daemon, contextlib.ExitStack() as held:
        for name in NAMES:
            held.enter_context(Node(daemon, name.encode()))
        Node(daemon, b"rabbit").close()
        exchange(daemon, port2(b"none"))
        yield daemon


def open_page(browser, daemon, screen="desktop", dark=False):
    browser.show(f"http://127.0.0.1:{daemon.metrics_port}/", *SCREENS[screen], dark)
    wait_for(lambda: browser.value("document.body.className") == "answers", what="the first answer")


def wait_text(browser, part):
    wait_for(lambda: browser.text_has(part), what=part)


def alter(browser, *changes):
    """From now on the page is told something else than what epmd tells."""
    steps = "".join(f".replace(/{pattern}/gm, {replacement!r})" for pattern, replacement in changes)
    browser.value("""{ const asked = window.asked ?? fetch; window.asked = asked;
        window.fetch = async (...how) => { const reply = await asked(...how);
            return new Response((await reply.text())%s, {headers: reply.headers}); } }""" % steps)


# ---- how it looks ----

@needs_browser
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("screen", SCREENS)
def test_it_fits_the_screen(browser, busy, screen, dark):
    open_page(browser, busy, screen, dark)
    assert browser.value("innerWidth") == SCREENS[screen][0]
    assert browser.value("document.documentElement.scrollWidth <= innerWidth")
    assert browser.value(OVERFLOWING) == []
    assert browser.value("parseFloat(getComputedStyle(document.querySelector('#nodes tbody th'))"
                         ".fontSize)") >= 16
    back = browser.value("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, back[4:-1].split(","))) < 3 * 128) == dark


@needs_browser
def test_columns_do_not_jump(browser, ours):
    """Whatever the names, and however large the numbers."""
    columns = "[...document.querySelectorAll('#nodes thead th, .tiles > div, figure')]" \
              ".map((it) => it.getBoundingClientRect().left)"
    with ObservedKept(ours) as daemon, Node(daemon, b"a"):
        open_page(browser, daemon)
        before = browser.value(columns)
        alter(browser, (r"^epmd_requests_total(.*) \d+$", "epmd_requests_total$1 123456789012"))
        with Node(daemon, b"x" * 255), Node(daemon, b"y" * 40, port=65535):
            wait_text(browser, "123,456,789,012")
            assert len(browser.value(NAMES_SHOWN)) == 3
            assert browser.value(columns) == before


@needs_browser
def test_without_script_it_links_to_the_metrics(browser, busy):
    browser.call("Emulation.setScriptExecutionDisabled", value=True)
    try:
        browser.show(f"http://127.0.0.1:{busy.metrics_port}/", *SCREENS["phone"])
        assert browser.value("document.body.innerText").strip() == \
            "This page needs a script to draw what /metrics tells."
        assert browser.value("document.querySelector('noscript a').href").endswith("/metrics")
    finally:
        browser.call("Emulation.setScriptExecutionDisabled", value=False)


# ---- what it tells ----

@needs_browser
def test_names_are_text(browser, busy):
    """As they are, but for what would hide or turn round the text beside it."""
    open_page(browser, busy)
    escapes = {"\u202e": r"\xe2\x80\xae", "\n": r"\x0a", '"': r"\x22"}
    shown = ["".join(escapes.get(it, it) for it in name) for name in NAMES]
    assert browser.value(NAMES_SHOWN) == shown
    assert browser.value("document.querySelectorAll('th b, th img, th svg, th script').length") == 0
    assert browser.value("document.title").startswith("epmd on ")
    text = browser.value("document.body.innerText")
    for part in "the name is taken", "keeper", f"holds all {len(NAMES)}", "1 found no node":
        assert part.lower() in text.lower()


@needs_browser
def test_names_are_escaped_as_in_the_log(browser, ours):
    with Observed(ours, "-d", "-d") as daemon, contextlib.ExitStack() as held:
        for name in STRANGE[:-2]:
            held.enter_context(Node(daemon, name.encode()))
        open_page(browser, daemon)
        for name in browser.value(NAMES_SHOWN):
            daemon.wait_log(re.escape(f'"{name}"'))


@needs_browser
def test_nodes_are_told_of_oldest_first(browser, ours):
    with Observed(ours) as daemon, Node(daemon, b"first", port=1), \
            Node(daemon, b"second", port=65535, kind=72, highest=5, lowest=5), \
            Node(daemon, b"third", kind=104):
        open_page(browser, daemon)
        rows = browser.value("[...document.querySelectorAll('#nodes tbody tr')]"
                             ".map((row) => [...row.cells].map((it) => it.textContent))")
        assert [row[:5] for row in rows] == [["first", "1", "normal", "5 to 6", "127.0.0.1"],
                                             ["second", "65535", "hidden", "5", "127.0.0.1"],
                                             ["third", "4711", "104", "5 to 6", "127.0.0.1"]]
        for row in rows:
            assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d", row[5])
            assert re.fullmatch(r"\d+ s", row[6])


@needs_browser
def test_it_follows(browser, busy):
    open_page(browser, busy, "phone")
    browser.value("window.mark = 1")
    state = "document.querySelector('#state').innerText"
    before = browser.value(state)
    assert re.fullmatch(r"as of \d\d:\d\d:\d\d", before)
    with Node(busy, b"latecomer"):
        wait_text(browser, "latecomer")
    wait_for(lambda: not browser.text_has("latecomer"), what="its end")
    assert browser.value(state) != before
    assert browser.value("window.mark") == 1  # it has not been loaded again


@needs_browser
def test_curves_show_what_happened(browser, observed):
    rate = "document.querySelector('#curve-lookups output').textContent"
    open_page(browser, observed)
    for _ in range(300):
        exchange(observed, port2(b"none"))
    wait_for(lambda: re.fullmatch(r"0\.0 / s, at most [\d.]*[1-9][\d.]*", browser.value(rate)),
             what="a rate of lookups that has risen and fallen")
    for curve, moved in ("lookups", True), ("refusals", False):
        heights = browser.value(f"document.querySelector('#curve-{curve} .line').getBBox().height")
        assert (heights > 0) == moved


@needs_browser
def test_a_curve_has_a_bound(browser, observed):
    """A page that is open for days keeps all that happened, ever more coarsely."""
    open_page(browser, observed)
    browser.value("window.curve = new Curve('lookups'); for (let i = 0; i < 5000; i++) "
                  "curve.add(1000 * i, 1000 * i + 1000, i % 7)")
    points = browser.value("curve.points")
    assert 100 < len(points) <= 600
    assert points[0]["from"] == 0 and points[-1]["to"] == 5000000
    total = sum(it["rate"] * (it["to"] - it["from"]) / 1000 for it in points)
    assert round(total, 3) == sum(number % 7 for number in range(5000))


@needs_browser
def test_a_restart_is_no_flood(browser, ours):
    """Counters begin again, and no rate is negative or counts them twice."""
    with ObservedKept(ours) as daemon, Node(daemon, b"kept"):
        for _ in range(200):
            exchange(daemon, port2(b"kept"))
        open_page(browser, daemon)
        daemon.kill_worker()
        rate = "document.querySelector('#curve-lookups output').textContent"
        wait_for(lambda: browser.value("document.querySelector('#tile-lookups dd').textContent")
                 == "0", what="the new counters")
        assert browser.value(rate) == "0.0 / s, at most 0.0"
        assert browser.value(NAMES_SHOWN) == ["kept"]


@needs_browser
def test_what_has_not_happened_is_folded_away(browser, busy):
    open_page(browser, busy)
    rows = "[...document.querySelectorAll('#%s > table td:last-child')].map((it) => it.textContent)"
    for section in "served", "refused":
        assert "0" not in browser.value(rows % section)
        assert not browser.value(f"document.querySelector('#{section} details').open")
    assert browser.text_has("more that have not happened")
    assert "Lookups of a name" not in browser.value("document.querySelector('#refused').innerText")


# ---- what is wrong looks wrong ----

@needs_browser
@pytest.mark.parametrize("changes, text, tile, level", [
    ([(r'kind="keeper"} 1', 'kind="keeper"} 0'), (r'kind="none"} 0', 'kind="none"} 1')],
     "Nothing watches over the registrations", "watcher", "warn"),
    ([(r"^epmd_stored_registrations \d+$", "epmd_stored_registrations 1")],
     f"{len(NAMES) - 1} registrations of {len(NAMES)} not held by the keeper", "watcher", "bad"),
    ([(r"^epmd_nodes_max \d+$", f"epmd_nodes_max {len(NAMES)}")],
     f"There is no room for more nodes than these {len(NAMES)}.", "nodes", "bad"),
    ([(r"^epmd_nodes_max \d+$", f"epmd_nodes_max {len(NAMES) + 1}")],
     "There is room for only 1 more node.", "nodes", "warn"),
    ([(r'reason="name_taken"} \d+', 'reason="name_taken"} 1234')],
     "Refused in the last minute: 1,233, each time because: the name is taken.", "refused",
     "warn")])
def test_what_is_wrong_looks_wrong(browser, busy, changes, text, tile, level):
    open_page(browser, busy)
    assert browser.value("document.querySelector('#problems').children.length") == 0
    assert browser.value("document.querySelectorAll('.tiles .warn, .tiles .bad').length") == 0
    alter(browser, *changes)
    wait_text(browser, text)
    assert browser.value("document.querySelector('#problems').children.length") == 1
    assert browser.value(f"document.querySelector('#tile-{tile}').className") == level
    colour = "getComputedStyle(document.querySelector('%s')).color"
    assert browser.value(colour % f"#tile-{tile} dd") != browser.value(colour % "#tile-lookups dd")


@needs_browser
def test_an_epmd_that_no_longer_answers_is_said_to_be_so(browser, ours):
    with Observed(ours) as daemon, Node(daemon, b"left"):
        open_page(browser, daemon)
    wait_text(browser, "epmd has not answered since ")
    assert browser.value("document.body.className") == "silent"
    assert browser.value(NAMES_SHOWN) == ["left"]  # what was known last
    with Kept(ours, "-metrics", str(daemon.metrics_port)):
        wait_for(lambda: browser.value("document.body.className") == "answers",
                 what="an answer")
        wait_text(browser, "No node is registered.")


@needs_browser
def test_a_page_in_the_background_asks_nothing(browser, observed):
    open_page(browser, observed)
    browser.value("Object.defineProperty(document, 'hidden', {value: true, configurable: true})")
    browser.value("window.n = 0; window.fetch = () => { window.n++; throw Error('asked') }")
    assert browser.value("new Promise((done) => setTimeout(() => done(window.n), 3500))") == 0
    browser.value("delete document.hidden; document.dispatchEvent(new Event('visibilitychange'))")
    assert browser.value("window.n") == 1


# ---- what it may do ----

@needs_browser
def test_nothing_else_runs_or_is_loaded(browser, busy):
    """Not even where the page had it: what the headers forbid."""
    open_page(browser, busy)
    loaded = browser.value("performance.getEntriesByType('resource').map((it) => it.name)")
    assert {it.rpartition("/")[2] for it in loaded} == {"metrics"}
    title = browser.value("document.title")
    browser.value("document.body.insertAdjacentHTML('beforeend', "
                  "'<img src=/metrics onerror=\"document.title=1\"><p id=p style=\"color:red\">"
                  "<style>p { color: red }</style>')")
    assert browser.value("getComputedStyle(document.querySelector('#p')).color") != "rgb(255, 0, 0)"
    assert browser.value("new Promise((done) => { for (const src of ['', '/metrics', 'data:,x']) {"
                         "const it = document.createElement('script'); if (src) it.src = src; "
                         "else it.textContent = 'document.title = 2'; document.body.append(it) }"
                         "setTimeout(() => done(document.title), 200) })") == title
    with Observed(busy.binary) as other:
        assert browser.value("fetch('http://127.0.0.1:%d/metrics', {mode: 'no-cors'}).then(() => 1,"
                             "() => 0)" % other.metrics_port) == 0


@needs_browser
def test_many_nodes_are_quick(browser, ours):
    machine.need_descriptors(2000)
    with contextlib.ExitStack() as held, Observed(ours) as daemon:
        for number in range(1005):
            held.enter_context(Node(daemon, b"node%d" % number))
        open_page(browser, daemon, "phone")
        shown = browser.value(NAMES_SHOWN)
        assert shown == [f"node{number}" for number in range(1000)]
        assert browser.text_has("And 5 more, which registered later.")


# ---- words ----

def words_of(script, table):
    body = re.search(rf"const {table} = \{{(.*?)\n\}};", script, re.S)[1]
    return set(re.findall(r"^  (\w+): '", body, re.M))


def test_every_word_has_a_text(observed):
    script = pathlib.Path(ROOT, "src", "metrics", "page.js").read_text()
    told = {key for key in observed.series() if isinstance(key, tuple)}
    for metric, table in ("epmd_requests_total", "REQUESTS"), ("epmd_refusals_total", "REFUSALS"):
        assert words_of(script, table) >= {word for name, word in told if name == metric}


def test_the_page_is_one_document(observed):
    """The policy is made of its own style and script, so there is no other to load."""
    page = observed.get("/")
    policy = page.headers["Content-Security-Policy"]
    assert re.search(r"style-src 'sha256-[\w+/=]{44}'; script-src 'sha256-[\w+/=]{44}'; "
                     r"connect-src 'self'; ", policy)
    assert page.body.count(b"<script>") == page.body.count(b"<style>") == 1
    assert not re.search(rb"(src|href)=\"(?!data:,|/metrics\")", page.body)
