# SPDX-License-Identifier: Apache-2.0
"""What the doctor says of hosts where all is well, and how it says it."""

import contextlib
import fcntl
import glob
import json
import os
import re
import shutil
import signal
import struct
import subprocess
import termios

import pytest

import machine
from cli.hosts import ADDRESS, PORT, host, register, two_hosts
from harness import OURS, kind_of, run_epmd, wait_for
from machine import need, open_terminal

pytestmark = [pytest.mark.needs("network namespaces", "mount namespaces"),
              pytest.mark.theirs_asked("long", "stocks")]
knows_programs = pytest.mark.needs("paths of programs in other mount namespaces")

STEPS = ["port", "epmd", "exposed", "restart", "others", "host", "lookup", "name", "node",
         "handshake"]


@pytest.fixture
def patient():
    with host() as one:
        yield one


def well(found, *warnings, skipped=()):
    """All is well, but for warnings in these steps."""
    assert (found["exit"], found["ok"], found["cause"]) == (0, True, None), found
    assert [step["step"] for step in found["steps"]] == STEPS
    for name, step in found["by"].items():
        status = "warning" if name in warnings else "skipped" if name in skipped else "ok"
        assert step["status"] == status, step
        assert step["found"]
        assert bool(step["cure"]) == (status == "warning"), step


def warnings_of(binary):
    """What a stock epmd is warned of: it keeps no registrations."""
    return ["restart"] if kind_of(binary) == "stock" else []


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as numbers:
        return [int(number) for number in numbers.read().split()]


def keeping(binary):
    return ["-keeper"] if kind_of(binary) == "ours" else []


@pytest.mark.needs("owners")
def test_a_node_that_is_well(patient, binary):
    need("erl")
    with patient.epmd(binary, *keeping(binary)) as daemon, \
            patient.node("-name", "a@host.example") as node:
        found = patient.check("a@host.example")
        well(found, *warnings_of(binary))
        by = {name: step["found"] for name, step in found["by"].items()}
        assert f"{os.path.realpath(binary)}" in by["port"]
        assert "user root" in by["port"]
        assert by["exposed"].startswith("listens on ")
        assert "exposed to 10.9.9.0/24 (eth0)" in by["exposed"]
        assert by["host"] == f'"host.example" is {ADDRESS}, and has no IPv6 address: this host'
        assert by["lookup"] == f"{ADDRESS} port 4369: answers"
        port = re.search(r'"a" is registered: port (\d+), type 77', by["name"])[1]
        assert by["node"] == f"{ADDRESS} port {port}: accepts"
        assert by["handshake"] == 'a node answers: "ok"; it calls itself "a@host.example"'
        if kind_of(binary) == "ours":
            version = run_epmd(binary, "-version").stdout.split()[1]
            assert f"this epmd, version {version}" in by["epmd"] and "with 1 node" in by["epmd"]
            assert "lookups any; names any; registrations local" in by["exposed"]
            assert "its keeper holds 1 of 1 registrations" in by["restart"]
        else:
            assert by["epmd"] == "a stock (or another) epmd answers, with 1 node"
            assert "lost when it ends" in by["restart"]
        assert daemon.exit_code() is None
        assert node.ask("node()") == "'a@host.example'"


@pytest.mark.needs("owners")
def test_the_node_does_not_mind(patient, ours):
    """It logs nothing, connects to nobody, and the first check leaves one atom, later ones none."""
    need("erl")
    with patient.epmd(ours, "-keeper"), \
            patient.node("-sname", "a", "-kernel", "logger_level", "all") as node:
        well(patient.check("a"))
        known = node.ask("lists:member('epmd-check@localhost', nodes(known))")
        atoms, output = node.ask("erlang:system_info(atom_count)"), node.output
        for _ in range(3):
            well(patient.check("a"))
        assert known == "true"  # so it was really there
        assert node.ask("nodes(connected)") == "[]"
        assert int(node.ask("erlang:system_info(atom_count)")) - int(atoms) <= 1  # `connected`
        assert "REPORT" not in node.output[len(output):], node.output


@pytest.mark.needs("owners")
def test_a_node_behind_tls(patient, ours, tmp_path):
    need("erl")
    need("openssl")
    if not glob.glob("/usr/lib/erlang/lib/ssl-*"):
        machine.cannot("Erlang's application ssl: not installed (Debian: erlang-ssl)")
    key, certificate = str(tmp_path / "key"), str(tmp_path / "certificate")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
                    "-subj", "/CN=host", "-keyout", key, "-out", certificate],
                   check=True, capture_output=True)
    with patient.epmd(ours, "-keeper"), patient.node(
            "-sname", "a", "-proto_dist", "inet_tls", "-ssl_dist_opt",
            "server_certfile", certificate, "server_keyfile", key) as node:
        found = patient.check("a")
        well(found)
        assert "it speaks TLS" in found["by"]["handshake"]["found"]
        assert node.ask("nodes(connected)") == "[]"


@pytest.mark.needs("owners")
def test_a_host_without_a_name(patient, binary):
    with patient.epmd(binary, *keeping(binary)):
        nothing = ("name", "node", "handshake")
        well(patient.check(), *warnings_of(binary), skipped=nothing)
        well(patient.check("@host.example"), *warnings_of(binary), skipped=nothing)
        well(patient.check("@127.0.0.1"), *warnings_of(binary), skipped=nothing)
        well(patient.check("@localhost"), *warnings_of(binary), skipped=nothing)


@pytest.mark.needs("keeper")
def test_an_epmd_without_a_keeper(patient, ours):
    with patient.epmd(ours):
        found = patient.check()
        well(found, "restart", skipped=("name", "node", "handshake"))
        assert "nothing watches over it" in found["by"]["restart"]["found"]
        cure = found["by"]["restart"]["cure"]
        assert "-keeper" in cure and "FileDescriptorStoreMax=" in cure


def replace(program):
    """As an upgrade does: another file has that name then."""
    os.rename(shutil.copy(program, f"{program}.new"), program)


@knows_programs
@pytest.mark.needs("owners")
def test_a_program_that_was_replaced(patient, ours, tmp_path):
    program = shutil.copy(ours, tmp_path / "epmd")
    with patient.epmd(program, "-keeper"):
        replace(program)
        found = patient.check()
        well(found, "epmd", skipped=("name", "node", "handshake"))
        assert found["by"]["epmd"]["cause"] == "old_program"
        assert f"program {program}, replaced since" in found["by"]["port"]["found"]
        assert "epmd -reload" in found["by"]["epmd"]["cure"]


@knows_programs
@pytest.mark.needs("owners")
def test_a_program_that_was_replaced_and_has_no_watcher(patient, ours, tmp_path):
    """It would refuse -reload."""
    program = shutil.copy(ours, tmp_path / "epmd")
    with patient.epmd(program) as daemon:
        replace(program)
        step = patient.check()["by"]["epmd"]
        assert step["cause"] == "old_program"
        assert "-reload" not in step["cure"] and "start it anew" in step["cure"]
        assert f"kill {daemon.pid}" in step["cure"]


@knows_programs
@pytest.mark.needs("owners")
def test_a_program_whose_path_has_gone(patient, ours, tmp_path):
    """As a release's old erts folder, which is deleted: a reload would find nothing."""
    program = shutil.copy(ours, tmp_path / "epmd")
    with patient.epmd(program, "-keeper"), register(patient, b"a", kind=72):
        os.remove(program)
        found = patient.check()
        step = found["by"]["epmd"]
        assert (found["exit"], step["status"], step["cause"]) == (0, "warning", "program_gone")
        assert f'its program is gone: "{program}"' in step["found"]
        assert f"program {program}, which is gone" in found["by"]["port"]["found"]
        assert "epmd -reload" not in step["cure"] and "restart it from a path that stays" in step[
            "cure"]
        assert "costs its 1 registration (" in step["cure"]


@pytest.mark.needs("keeper")
def test_a_keeper_that_was_killed(patient, ours):
    """To start another epmd with -daemon would change nothing: this one has the port."""
    with patient.epmd(ours, "-keeper") as daemon, register(patient, b"a", kind=72):
        worker = next(iter(children(daemon.pid)))
        try:
            os.kill(daemon.pid, signal.SIGKILL)
            wait_for(lambda: patient.check()["by"]["restart"]["cause"], what="the loss of the keeper")
            step = patient.check()["by"]["restart"]
            assert (step["status"], step["cause"]) == ("warning", "not_kept")
            assert "nothing watches over it" in step["found"]
            cure = step["cure"]
            assert cure.index(f"end this one (kill {worker})") < cure.index("start it with -daemon")
            assert "costs its 1 registration (nodes since OTP 24 register again" in cure
        finally:
            os.kill(worker, signal.SIGTERM)


def test_a_node_of_another_host(ours):
    need("erl")
    with two_hosts() as (here, there), there.epmd(ours, "-allow_names", "none"), \
            there.node("-name", "a@there.example"):
        found = here.check("a@there.example")
        well(found, "port", skipped=("epmd", "exposed", "restart"))
        assert '"there.example" is 10.9.9.2' in found["by"]["host"]["found"]
        assert "another host" in found["by"]["host"]["found"]
        # Where lists of names are not allowed, lookups are asked for all the same.
        well(here.check("@there"), "port",
             skipped=("epmd", "exposed", "restart", "name", "node", "handshake"))


def test_both_families(ours):
    with two_hosts() as (here, there):
        here.resolves("10.9.9.2 there\nfd99::2 there\n")
        with there.epmd(ours):
            found = here.check("@there")
            assert found["by"]["host"]["found"] == '"there" is 10.9.9.2, fd99::2: another host'
            assert found["by"]["lookup"]["found"] == (
                "10.9.9.2 port 4369: answers; fd99::2 port 4369: answers")
        with there.epmd(ours, "-address", "10.9.9.2"):
            lookup = here.check("@there")["by"]["lookup"]
            assert (lookup["status"], lookup["cause"]) == ("warning", "some_addresses")
            assert "fd99::2 port 4369: refuses" in lookup["found"]


def test_different_epmds_at_the_addresses(ours):
    with two_hosts() as (here, there):
        here.resolves("10.9.9.2 there\nfd99::2 there\n")
        with there.epmd(ours, "-address", "10.9.9.2"), there.server(b"w\1", "fd99::2", PORT), \
                there.server(None, "10.9.9.2", 9100), register(there, b"a", port=9100):
            name = here.check("a@there")["by"]["name"]
            assert (name["status"], name["cause"]) == ("warning", "several_epmds")


@pytest.mark.needs("owners")
def test_a_second_epmd(patient, binary, ours):
    with patient.epmd(ours, "-keeper"), patient.epmd(binary, port=5000), \
            register(patient, b"b", 5000):
        found = patient.check()
        well(found, "others", skipped=("name", "node", "handshake"))
        kind = "another such" if kind_of(binary) == "ours" else "a stock (or another)"
        assert f"{kind} epmd answers on port 5000, with 1 node" in found["by"]["others"]["found"]
        assert found["by"]["others"]["cause"] == "second_epmd"
        assert "ERL_EPMD_PORT" in found["by"]["others"]["cure"]


def test_a_variable_that_says_otherwise(patient, ours):
    with patient.epmd(ours, "-keeper"):
        others = patient.check("-port", "4369", env={"ERL_EPMD_PORT": "5000"})["by"]["others"]
        assert (others["status"], others["cause"]) == ("warning", "second_epmd")
        assert "ERL_EPMD_PORT is 5000 here, but this check is of port 4369" in others["found"]


@pytest.mark.needs("owners")
def test_a_public_address_is_a_warning(patient, binary):
    patient.namespace.ip("addr add 8.8.4.4/24 dev eth0")
    with patient.epmd(binary):
        exposed = patient.check()["by"]["exposed"]
        assert (exposed["status"], exposed["cause"]) == ("warning", "exposed")
        assert "8.8.4.0/24 (eth0)" in exposed["found"]
        for part in "Secure Coding", "DEP-001", "-allow_lookup", "-allow_names", "private":
            assert part in exposed["cure"]
        for passes in "proxy", "load balancer", "NAT", "shared network":  # both of these lists
            assert passes in exposed["cure"]


def test_lists_protect_a_public_address(patient, ours):
    patient.namespace.ip("addr add 8.8.4.4/24 dev eth0")
    with patient.epmd(ours, "-allow_lookup", "10.0.0.0/8", "-allow_names", "none"):
        exposed = patient.check()["by"]["exposed"]
        assert exposed["status"] == "ok"
        assert "lookups 10.0.0.0/8; names none; registrations local" in exposed["found"]


@pytest.mark.parametrize("lookup, register", [
    ("any,10.0.0.0/8", "local"), ("0.0.0.0/0", "local"), ("::/0", "local"), ("none", "any")])
def test_lists_that_have_everybody_protect_nothing(patient, ours, lookup, register):
    patient.namespace.ip("addr add 8.8.4.4/24 dev eth0")
    with patient.epmd(ours, "-allow_names", "none", "-allow_lookup", lookup,
                      "-allow_register", register):
        exposed = patient.check()["by"]["exposed"]
        assert (exposed["status"], exposed["cause"]) == ("warning", "exposed")
        assert ("-allow_register" in exposed["cure"]) == (register == "any")


def test_private_protects_a_public_address(patient, ours):
    patient.namespace.ip("addr add 8.8.4.4/24 dev eth0")
    with patient.epmd(ours, "-allow_lookup", "private", "-allow_names", "private"):
        exposed = patient.check()["by"]["exposed"]
        assert exposed["status"] == "ok"
        assert "lookups private; names private; registrations local" in exposed["found"]


@pytest.mark.parametrize("words", [["-check", "-json", "a@host"], ["-json", "a@host", "-check"],
                                   ["a@host", "-check", "-json"], ["-json", "-check", "a@host"]])
def test_the_words_come_in_any_order(patient, ours, words):
    with patient.epmd(ours):
        found = json.loads(patient.run(os.path.abspath(ours), *words).stdout)
        assert found["target"] == "a@host" and found["cause"] == "unknown_name"


CHALLENGES = {
    5: b"\0\x11n\0\5\0\0\0\0\0\0\0\0a@host",
    6: b"\0\x19N" + bytes(16) + b"\0\6a@host",
}


@pytest.mark.parametrize("highest, tag", [(5, b"n"), (6, b"N")])
@pytest.mark.needs("owners")
def test_what_is_said_to_a_node(patient, ours, highest, tag):
    """The first message of the handshake, by a hidden node, in the way of its version."""
    with patient.epmd(ours, "-keeper"), \
            patient.server(b"\0\3sok" + CHALLENGES[highest], ADDRESS, 9100) as node, \
            register(patient, b"a", port=9100, highest=highest):
        found = patient.check("a@host")
        well(found)
        assert 'it calls itself "a@host"' in found["by"]["handshake"]["found"]
        length, said = node.requests[0][:2], node.requests[0][2:]
        assert (int.from_bytes(length, "big"), said[:1]) == (len(said), tag)
        assert said.endswith(b"epmd-check@localhost")
        flags = said[1:9] if tag == b"N" else said[3:7]
        assert flags[-1] & 1 == 0  # not published: hidden


@pytest.mark.parametrize("reply, status, part", [
    (b"\0\3sok", "ok", '"ok", but does not say its name'), (b"\0\4snok", "ok", '"nok"'), (b"\0\x06salive", "ok", '"alive"'),
    (b"\0\x0csnot_allowed", "warning", "allows connections from some nodes only"),
    (b"\x15\3\3\0\2\2\x0a", "ok", "TLS")])
def test_how_a_node_may_answer(patient, ours, reply, status, part):
    with patient.epmd(ours), patient.server(reply, ADDRESS, 9100), \
            register(patient, b"a", port=9100):
        found = patient.check("a")
        assert (found["exit"], found["by"]["handshake"]["status"]) == (0, status)
        assert part in found["by"]["handshake"]["found"]


def test_the_words_of_the_json(patient, ours):
    with patient.epmd(ours, "-keeper"):
        result = patient.run(os.path.abspath(ours), "-check", "-json")
        assert result.returncode == 0
        found = json.loads(result.stdout)
        assert list(found) == ["epmd", "target", "ok", "cause", "steps"]
        assert found["target"] == "host"
        assert all(list(step) == ["step", "status", "cause", "found", "cure"]
                   for step in found["steps"])


@pytest.mark.needs("owners")
def test_the_words_for_people(patient, ours):
    """No colours in a pipe, one line for each finding, and a last line that sums up."""
    with patient.epmd(ours, "-keeper"):
        result = patient.run(os.path.abspath(ours), "-check", "a")
    lines = result.stdout.splitlines()
    assert result.returncode == 1 and "\x1b" not in result.stdout
    assert [line.split()[:2] for line in lines if not line.startswith(" ")][:-1] == [
        [word, step] for word, step in zip(["ok"] * 7 + ["FAILED", "skipped", "skipped"], STEPS)]
    assert sum(line.startswith("            cure: ") for line in lines) == 1
    assert lines[-1] == "epmd: a@host: 1 of 10 steps failed; the cause: unknown_name"


def on_terminal(patient, columns, env=None):
    """What the doctor writes to a terminal."""
    ours, theirs = open_terminal()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 25, columns, 0, 0))
    try:
        patient.run(os.path.abspath(OURS), "-check", "a", env=env, stdout=theirs)
    finally:
        os.close(theirs)
    output = b""
    with contextlib.suppress(OSError), open(ours, "rb", buffering=0) as file:
        while chunk := file.read(4096):
            output += chunk
    return output.decode()


def test_colours_on_a_terminal_only(patient):
    colourful = on_terminal(patient, 80, env={"TERM": "xterm"})
    assert "\x1b[1;31mFAILED \x1b[0m port" in colourful
    assert "\x1b[32mok     \x1b[0m others" in colourful
    assert "\x1b" not in on_terminal(patient, 80, env={"TERM": "xterm", "NO_COLOR": "1"})
    assert "\x1b" in on_terminal(patient, 80, env={"TERM": "xterm", "NO_COLOR": ""})
    assert "\x1b" not in on_terminal(patient, 80, env={"TERM": "dumb"})


@pytest.mark.parametrize("columns", [60, 80])
def test_lines_fit_a_terminal(patient, columns):
    text = on_terminal(patient, columns, env={"NO_COLOR": "1"})
    lines = text.splitlines()
    assert max(map(len, lines[:-1])) <= columns
    assert max(map(len, lines)) > columns / 2
    assert [line for line in lines if line != line.rstrip()] == []
    assert text == on_terminal(patient, 200, env={"NO_COLOR": "1", "COLUMNS": str(columns)})
    for no_width in "x", "0", "-1", "99999999999", "":
        assert text == on_terminal(patient, columns, env={"NO_COLOR": "1", "COLUMNS": no_width})
    whole = patient.run(os.path.abspath(OURS), "-check", "a", env={"COLUMNS": "60"}).stdout
    assert text.split() == whole.split()  # the same words


@pytest.mark.parametrize("words, part", [
    ([""], "the name is empty"), (["a@"], "the host's name is empty"),
    (["a@" + "h" * 256], "the host's name is too long"),
    (["n" * 256 + "@host"], "longer than 255 characters")])
def test_no_such_target(ours, words, part):
    result = run_epmd(ours, "-check", *words)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith('epmd: -check "') and part in result.stderr


@pytest.mark.parametrize("form", [[], ["-json"]], ids=["text", "json"])
def test_standard_output_that_is_full(patient, ours, form):
    target = "a" * 250 + "@" + "h" * 250
    with open("/dev/full", "wb") as full:
        result = patient.run(os.path.abspath(ours), *form, "-check", target, stdout=full)
    assert result.returncode == 1
    assert "epmd: standard output: No space left on device" in result.stderr
