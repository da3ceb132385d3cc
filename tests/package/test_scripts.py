# SPDX-License-Identifier: Apache-2.0
"""The Debian package's maintainer scripts, line by line: what each calls, and what it says.

Always true here: a script runs below a directory of the test's, which takes the place of the
paths that the script names; all commands but the shell's own tools are stubs, which write down
how they were called and answer as the test says. What dpkg and systemd make of the calls is for
test_package.py.
"""

import os
import re
import shlex
import subprocess

import pytest

from harness import ROOT

STUBS = ["dpkg-divert", "dpkg-query", "deb-systemd-helper", "deb-systemd-invoke",
         "systemd-sysusers", "systemctl", "epmd"]
PATHS = ["/usr/lib/erlang", "/run/systemd/system", "/lib/systemd/system/epmd.service"]
FAILS = None  # the answer of a call that fails

EVIL = "epmd: up and running on port 4369 with data:\nname evil\x1b[2J\x07 at port 1\n"
ESCAPED = r"name evil\033[2J\a at port 1"
DEPENDENTS = "systemctl show -p RequiredBy -p BoundBy --value epmd.service"
EPMD = "/usr/lib/erlang/erts-13.1/bin/epmd"
UNIT = "/lib/systemd/system/epmd.service"


class Scripts:
    """The scripts, and the system that they find: answers says what a call prints, or FAILS."""

    def __init__(self, folder):
        self.folder = folder
        self.answers = {}
        (folder / "bin").mkdir()
        for name in STUBS:
            (folder / "bin" / name).symlink_to("stub")

    def path(self, path):
        return self.folder / path.lstrip("/")

    def make(self, path, text=""):
        file = self.path(path)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        return file

    def with_systemd(self):
        self.path("/run/systemd/system").mkdir(parents=True)

    def run(self, name, *arguments):
        """Run a script to its successful end: what it says, what it calls, whether it gets to
        what debhelper adds."""
        done = self.start(name, arguments, "echo debhelper")
        assert done.returncode == 0, done.stdout
        calls = self.path("calls").read_text(encoding="utf-8").replace(str(self.folder), "")
        said, helped, after = done.stdout.partition("debhelper\n")
        return said + after, calls.splitlines(), bool(helped)

    def start(self, name, arguments, helper):
        """Run a script, with this in the place of what debhelper adds."""
        self.make("bin/stub", self._stub()).chmod(0o755)
        self.make("calls")
        return subprocess.run(["sh", self.make("script", self._script(name, helper)), *arguments],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, check=False,
                              env={"PATH": f"{self.folder}/bin:/usr/bin:/bin"})

    def _script(self, name, helper):
        with open(os.path.join(ROOT, "dist", "debian", f"epmd.{name}"), encoding="utf-8") as script:
            text = script.read()
        for path in PATHS:
            text = re.sub(rf"(?<![\w/.]){re.escape(path)}", str(self.path(path)), text)
        return text.replace("#DEBHELPER#", helper)

    def _stub(self):
        cases = [f"{shlex.quote(call)}) {self._answer(number, answer)} ;;"
                 for number, (call, answer) in enumerate(self.answers.items())]
        return "\n".join(["#!/bin/sh", 'call="${0##*/} $*"',
                          f'echo "$call" >>{shlex.quote(str(self.path("calls")))}',
                          "case $call in", *cases, "esac", ""])

    def _answer(self, number, answer):
        if answer is FAILS:
            return "exit 1"
        return "cat " + shlex.quote(str(self.make(f"answers/{number}", answer)))


@pytest.fixture
def scripts(tmp_path):
    return Scripts(tmp_path)


@pytest.mark.parametrize("name", ["preinst", "postinst", "prerm", "postrm"])
def test_a_command_that_fails_fails_the_script(scripts, name):
    assert scripts.start(name, ["none"], "false\ntrue").returncode == 1


# ---- preinst ----

def diversions(how, *pairs):
    return [f"dpkg-divert --package epmd --add {how} --divert {to} {path}" for path, to in pairs]


OWN = [("/usr/bin/epmd", "/usr/bin/epmd.stock"),
       ("/usr/share/man/man1/epmd.1.gz", "/usr/share/man/man1/epmd.stock.1.gz")]


def unit_diversions(name):
    return [(f"/lib/systemd/system/{name}", f"/lib/systemd/system/{name}.stock"),
            (f"/usr/lib/systemd/system/{name}", f"/usr/lib/systemd/system/{name}.stock-usr")]


@pytest.mark.parametrize("action, how", [("install", "--rename"), ("upgrade", "--no-rename")])
@pytest.mark.parametrize("where", ["/lib", "/usr/lib", None])
def test_all_that_has_stocks_names_is_diverted(scripts, action, how, where):
    """The first diversion of a unit moves the file: it has the name that erlang-base lists."""
    names = ["epmd.service", "epmd.socket"]
    scripts.answers["dpkg-query -L erlang-base"] = (
        "".join(f"{where}/systemd/system/{name}\n" for name in names) if where else FAILS)
    order = -1 if where == "/usr/lib" else 1
    pairs = [pair for name in names for pair in unit_diversions(name)[::order]]
    _, calls, helped = scripts.run("preinst", action)
    assert [call for call in calls if "-query" not in call] == diversions(how, *OWN, *pairs)
    assert helped


def test_what_undoes_an_upgrade_diverts_nothing(scripts):
    assert scripts.run("preinst", "abort-upgrade") == ("", [], True)


# ---- postinst ----

@pytest.mark.parametrize("action", ["configure", "abort-upgrade", "triggered"])
def test_the_epmd_of_an_erts_becomes_a_link(scripts, action):
    scripts.make(EPMD)
    scripts.answers["epmd -started"] = FAILS
    divert = f"dpkg-divert --package epmd --add --rename --divert {EPMD}.stock {EPMD}"
    stub = scripts.path("bin/dpkg-divert")  # which moves what it is asked to
    stub.unlink()
    scripts.make("bin/dpkg-divert", f'#!/bin/sh\necho "dpkg-divert $*" >>{scripts.path("calls")}\n'
                 'mv "$7" "$6"\n').chmod(0o755)
    calls = scripts.run("postinst", action)[1]
    assert [call for call in calls if "divert" in call] == [divert]
    assert os.readlink(scripts.path(EPMD)) == "/usr/bin/epmd"


@pytest.mark.parametrize("action", ["configure", "abort-upgrade", "triggered"])
def test_a_link_that_is_there_stays(scripts, action):
    scripts.make(f"{EPMD}.stock")
    scripts.make("/usr/bin/epmd")
    scripts.path(EPMD).symlink_to(scripts.path("/usr/bin/epmd"))
    assert not any("divert" in call for call in scripts.run("postinst", action)[1])
    assert scripts.path(EPMD).is_symlink()


def test_the_link_of_an_erts_that_has_gone_goes_too(scripts):
    scripts.make("/usr/lib/erlang/erts-14/bin/epmd.stock")
    kept, left = scripts.path("/usr/lib/erlang/erts-14/bin/epmd"), scripts.path(EPMD)
    left.parent.mkdir(parents=True)
    for link in kept, left:
        link.symlink_to("/usr/bin/epmd")
    calls = scripts.run("postinst", "triggered")[1]
    assert [call for call in calls if "divert" in call] == [
        f"dpkg-divert --package epmd --remove --no-rename {EPMD}"]
    assert kept.is_symlink()
    assert not scripts.path("/usr/lib/erlang/erts-13.1").exists()


def test_after_erlang_has_gone_the_service_is_as_before(scripts):
    scripts.with_systemd()
    scripts.answers |= {"deb-systemd-helper --quiet was-enabled epmd.service": FAILS,
                        "deb-systemd-helper enable epmd.socket": FAILS,
                        "epmd -started": FAILS,
                        "deb-systemd-invoke start epmd.socket": FAILS}
    assert scripts.run("postinst", "triggered") == ("", [
        "systemd-sysusers epmd.conf",
        "deb-systemd-helper --quiet was-enabled epmd.service",
        "deb-systemd-helper --quiet was-enabled epmd.socket",
        "deb-systemd-helper enable epmd.socket",
        "epmd -started",
        "deb-systemd-invoke start epmd.socket"], True)


@pytest.mark.parametrize("systemd", [True, False])
def test_a_trigger_starts_nothing_beside_an_epmd_or_without_systemd(scripts, systemd):
    if systemd:
        scripts.with_systemd()
    else:
        scripts.answers["epmd -started"] = FAILS
    assert not any("invoke" in call for call in scripts.run("postinst", "triggered")[1])


def test_an_installation_starts_the_socket(scripts):
    scripts.with_systemd()
    scripts.answers |= {"epmd -started": FAILS,
                        "deb-systemd-invoke --system daemon-reload": FAILS}
    assert scripts.run("postinst", "configure") == ("", [
        "deb-systemd-invoke --system daemon-reload", DEPENDENTS, "epmd -started",
        "deb-systemd-invoke start epmd.socket"], True)


def test_an_installation_without_systemd_starts_nothing(scripts):
    scripts.answers["epmd -started"] = FAILS
    assert scripts.run("postinst", "configure") == ("", ["epmd -started"], True)


def test_what_undoes_a_removal_starts_nothing(scripts):
    scripts.with_systemd()
    assert scripts.run("postinst", "abort-remove") == ("", [], True)


def test_an_epmd_that_runs_lets_the_new_one_take_over(scripts):
    scripts.with_systemd()
    scripts.answers |= {"epmd -reload": "Reloading\n", DEPENDENTS: "idle.service\n",
                        "deb-systemd-invoke is-active idle.service": FAILS}
    said, calls, _ = scripts.run("postinst", "configure")
    assert said == ("epmd: the running daemon lets this version take over; nodes stay "
                    "registered.\n")
    assert calls[-1] == "epmd -reload"


def test_what_requires_the_service_is_not_restarted(scripts):
    scripts.with_systemd()
    scripts.answers |= {DEPENDENTS: "ejabberd.service\nidle.service\n", "epmd -names": EVIL,
                        "deb-systemd-invoke is-active idle.service": FAILS,
                        "deb-systemd-invoke is-active ejabberd.service": "active\n"}
    said, calls, _ = scripts.run("postinst", "configure")
    assert "epmd -reload" not in calls
    assert said.splitlines()[2:4] == [
        "  To change over: systemctl restart epmd.service",
        "  At a quiet moment, as this restarts what requires it, too: ejabberd.service"]


@pytest.mark.parametrize("state, cure", [
    ("none", "end it, then run epmd -daemon"),
    ("active", "systemctl restart epmd.service"),
    ("inactive", "end it, then systemctl restart epmd.socket")])
def test_beside_another_epmd_it_says_how_to_change_over(scripts, state, cure):
    if state != "none":
        scripts.with_systemd()
    scripts.answers |= {"epmd -reload": FAILS, "epmd -names": EVIL, "deb-systemd-invoke is-active "
                        "epmd.service": FAILS if state == "inactive" else "active\n"}
    assert scripts.run("postinst", "configure")[0] == f"""\
epmd: another epmd is running; this one takes over when that one ends.
  registered with it: {ESCAPED}
  To change over: {cure}
  Nodes from OTP 24 on then register again by themselves, within two seconds.
  Restart all other nodes: older ones, C nodes, Jinterface.
"""


# ---- prerm ----

def test_a_removal_where_no_epmd_runs_says_nothing(scripts):
    scripts.with_systemd()
    scripts.answers["epmd -started"] = FAILS
    assert scripts.run("prerm", "remove") == ("", ["epmd -started"], True)


def test_an_upgrade_says_nothing_before(scripts):
    assert scripts.run("prerm", "upgrade") == ("", [], True)


@pytest.mark.parametrize("erlang, after", [
    (True, """\
  The epmd of erlang-base takes its place. Nodes from OTP 24 on register again by
  themselves, within two seconds. Restart all other nodes: older ones, C nodes,
  Jinterface.
"""),
    (False, "  No epmd takes its place: without erlang-base there is none.\n")])
def test_a_removal_says_whose_registration_ends(scripts, erlang, after):
    scripts.with_systemd()
    scripts.answers |= {"epmd -names": EVIL, "deb-systemd-invoke is-active epmd.socket": "active\n"}
    if erlang:
        scripts.make("/usr/lib/erlang/bin/erl")
    assert scripts.run("prerm", "remove")[0] == (
        f"epmd: this daemon ends; its nodes lose their registration:\n  {ESCAPED}\n{after}")


@pytest.mark.parametrize("systemd", [True, False])
def test_a_daemon_that_is_not_systemds_goes_on(scripts, systemd):
    if systemd:
        scripts.with_systemd()
    scripts.answers |= {"epmd -names": EVIL, "deb-systemd-invoke is-active epmd.socket":
                        FAILS if systemd else "active\n"}
    assert scripts.run("prerm", "remove")[0] == (
        "epmd: the running daemon goes on until it is ended, and knows its nodes until then:\n"
        f"  {ESCAPED}\n")


# ---- postrm ----

@pytest.mark.parametrize("action", ["remove", "abort-install", "disappear"])
def test_what_was_diverted_comes_back(scripts, action):
    link = scripts.path(EPMD)
    link.parent.mkdir(parents=True)
    link.symlink_to("/usr/bin/epmd")
    file = scripts.path("/usr/bin/epmd")  # of what this lists, links are removed
    scripts.answers["dpkg-divert --list"] = f"""\
diversion of {link} to {link}.stock by epmd
diversion of {file} to {file}.stock by epmd
diversion of /bin/sh to /bin/sh.distrib by dash
"""
    assert scripts.run("postrm", action) == ("", [
        "dpkg-divert --list",
        f"dpkg-divert --package epmd --remove --rename {EPMD}",
        "dpkg-divert --package epmd --remove --rename /usr/bin/epmd"], True)
    assert not link.is_symlink()


@pytest.mark.parametrize("action", ["upgrade", "failed-upgrade"])
def test_an_upgrade_brings_nothing_back(scripts, action):
    scripts.with_systemd()
    assert scripts.run("postrm", action) == ("", [], True)


def test_stocks_units_are_started_in_their_place(scripts):
    scripts.with_systemd()
    scripts.make(UNIT)
    scripts.answers |= {"deb-systemd-helper --quiet was-enabled epmd.service": FAILS,
                        "deb-systemd-helper enable epmd.socket": FAILS,
                        "deb-systemd-invoke restart epmd.socket epmd.service": FAILS}
    assert scripts.run("postrm", "remove") == ("", [
        "dpkg-divert --list",
        "deb-systemd-helper --quiet was-enabled epmd.service",
        "deb-systemd-helper --quiet was-enabled epmd.socket",
        "deb-systemd-helper enable epmd.socket",
        "deb-systemd-invoke restart epmd.socket epmd.service"], True)


def test_without_stocks_units_the_service_ends(scripts):
    scripts.with_systemd()
    calls = scripts.run("postrm", "remove")[1]
    assert calls[1:] == ["deb-systemd-invoke stop epmd.service epmd.socket"]


def test_a_removal_without_systemd_starts_nothing(scripts):
    scripts.make(UNIT)
    assert not any("invoke" in call for call in scripts.run("postrm", "remove")[1])


@pytest.mark.parametrize("stock", [True, False])
def test_a_purge_leaves_what_enables_stocks_units(scripts, stock):
    if stock:
        scripts.make(UNIT)
    assert scripts.run("postrm", "purge") == ("", [], not stock)
