# SPDX-License-Identifier: Apache-2.0
"""A Java node, on Jinterface, uses the daemon.

Always true here: the node is compiled from JavaNode.java against the installed
Jinterface.
"""

import os
import subprocess

import pytest

from machine import cannot, need

pytestmark = pytest.mark.asked("clients")

SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "JavaNode.java")
NAME = "j@127.0.0.1"


@pytest.fixture(scope="module")
def java_node(ask_otp, tmp_path_factory):
    """The arguments that make java run the compiled node."""
    need("javac")
    private = ask_otp("[Path || Path <- [code:priv_dir(jinterface)], is_list(Path)]")
    if not private:
        cannot("Erlang's application jinterface: not installed (Debian: erlang-jinterface)")
    library = os.path.join(private, "OtpErlang.jar")
    classes = tmp_path_factory.mktemp("jinterface")
    subprocess.run(["javac", "-cp", library, "-d", classes, SOURCE], check=True)
    return ("-XX:TieredStopAtLevel=1", "-cp", f"{library}:{classes}", "JavaNode", NAME)


@pytest.fixture
def start(site, java_node):
    """A function that starts the node."""
    # The cookie is in the home directory, which Java takes from the password file.
    return lambda: site.program("java", f"-Duser.home={site.home}", *java_node)


def test_finds_a_node(site, start):
    with site.node("-name", "a@127.0.0.1") as a:
        with start() as j:
            port = int(j.expect(r"^published (\d+)").group(1))
            j.send("ping a@127.0.0.1")
            j.expect("^pinged true")
            assert site.await_names("a", "j")["j"] == port
            assert a.ask("nodes(hidden)") == f"['{NAME}']"
        site.await_names("a")


def test_is_found_by_a_node(site, start):
    with site.node("-name", "a@127.0.0.1") as a:
        with start() as j:
            j.expect("^published")
            echo = f"{{echo, '{NAME}'}} ! self(), receive Pid -> Pid =:= self() end"
            assert a.ask(echo) == "true"
        site.await_names("a")


def test_lists_the_names(site, start):
    with site.node("-name", "a@127.0.0.1"), start() as j:
        j.expect("^published")
        ports = site.await_names("a", "j")
        j.send("names")
        listed = j.expect(r"((?:^name .*\r?\n)*)^listed").group(1)
        assert sorted(listed.split("\n")[:-1]) == [
            f"name {name} at port {port}" for name, port in sorted(ports.items())]


def test_leaves_by_itself_and_returns(site, start):
    with start() as j:
        j.expect("^published")
        site.await_names("j")
        j.send("close")
        j.expect("^closed")
        site.await_names()
        with start() as again:
            again.expect("^published")
            site.await_names("j")
        assert j.process.poll() is None


def test_duplicate_is_refused_and_the_first_stays(site, start):
    """Jinterface does not tell its user: the second node lives, but nobody finds it."""
    with start() as j:
        j.expect("^published")
        ports = site.await_names("j")
        with start() as second:
            assert int(second.expect(r"^published (\d+)").group(1)) != ports["j"]
            assert site.names() == ports
        assert site.names() == ports
