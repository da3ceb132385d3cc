# SPDX-License-Identifier: Apache-2.0
"""A Java node, on Jinterface, uses the daemon.

Always true here: the node is compiled from JavaNode.java against the installed
Jinterface.
"""

import os
import subprocess

import pytest

from clients.beam import need

SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "JavaNode.java")
NAME = "j@127.0.0.1"


@pytest.fixture(scope="module")
def java_node(ask_otp, tmp_path_factory):
    """The arguments that make java run the compiled node."""
    need("javac")
    library = os.path.join(ask_otp("code:priv_dir(jinterface)"), "OtpErlang.jar")
    need(library)
    classes = tmp_path_factory.mktemp("jinterface")
    subprocess.run(["javac", "-cp", library, "-d", classes, SOURCE], check=True)
    return ("-XX:TieredStopAtLevel=1", "-cp", f"{library}:{classes}", "JavaNode", NAME)


def start(site, java_node, *arguments):
    # The cookie is in the home directory, which Java takes from the password file.
    return site.program("java", f"-Duser.home={site.home}", *java_node, *arguments)


def test_finds_a_node(site, java_node):
    with site.node("-name", "a@127.0.0.1") as a:
        with start(site, java_node, "a@127.0.0.1") as j:
            port = int(j.expect(r"^published (\d+)").group(1))
            j.expect("^pinged true")
            assert site.await_names("a", "j")["j"] == port
            assert a.ask("nodes(hidden)") == f"['{NAME}']"
        site.await_names("a")


def test_is_found_by_a_node(site, java_node):
    with site.node("-name", "a@127.0.0.1") as a:
        with start(site, java_node) as j:
            j.expect("^published")
            echo = f"{{echo, '{NAME}'}} ! self(), receive Pid -> Pid =:= self() end"
            assert a.ask(echo) == "true"
        site.await_names("a")
