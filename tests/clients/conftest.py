# SPDX-License-Identifier: Apache-2.0
"""Fixtures for the tests with real clients.

Always true here: a client that is not installed skips the tests that need it,
and each test has a daemon, a port and a home directory of its own.
"""

import os

import pytest

from clients.beam import end_all, site_at
from harness import free_port
from machine import need


@pytest.fixture(scope="session")
def erl():
    need("erl")


@pytest.fixture
def site(erl, server):
    """Where programs run beside a daemon; it is site.server."""
    with site_at(server.port) as where:
        where.server = server
        yield where


@pytest.fixture
def unserved(erl, binary):
    """Where programs run without a daemon; site.epmd is the one to start, and it is ended."""
    with site_at(free_port()) as where:
        where.epmd = os.path.join(where.home, "bin", "epmd")
        os.mkdir(os.path.dirname(where.epmd))
        os.symlink(os.path.abspath(binary), where.epmd)
        yield where
        end_all(where.epmd)


@pytest.fixture
def ipv6():
    need("IPv6")


@pytest.fixture(scope="session")
def ask_otp(erl):
    """A function: the string that an expression is in the installed OTP."""
    def ask(expression):
        with site_at(free_port()) as where:
            script = f'io:format("~ts", [{expression}]), halt().'
            return where.run("erl", "-noinput", "-eval", script).stdout
    return ask


@pytest.fixture
def release(ask_otp, unserved):
    """The environment of erlexec in a release whose epmd is unserved.epmd.

    Its bin directory is made of links to the installed one.
    """
    installed, ours = ask_otp('os:getenv("BINDIR")'), os.path.dirname(unserved.epmd)
    for entry in os.scandir(installed):
        if entry.name != "epmd":
            os.symlink(entry.path, os.path.join(ours, entry.name))
    return {"BINDIR": ours, "ROOTDIR": ask_otp("code:root_dir()"), "EMU": "beam",
            "PROGNAME": "erl"}
