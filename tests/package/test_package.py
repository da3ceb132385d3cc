# SPDX-License-Identifier: Apache-2.0
"""The Debian package beside erlang-base: installed, upgraded, removed, in every order.

Always true here: each test has a tree of its own (package.chroot) and installs what
`./dev package` has built from copies of this tree, once for all of them.
"""

import fcntl
import glob
import os
import re
import shutil
import subprocess

import pytest

from harness import wait_for
from machine import need
from package.chroot import NEEDED, Chroot, debs
from package.debian import ERTS_NEXT, NEXT, altered, build, built, failing, with_other_erts
from restart import machine
from wire.protocol import Node, exchange, found, port2, registered

pytestmark = [
    pytest.mark.timeout(3600),  # making the tree and two packages takes its time
    pytest.mark.asked("packages"),
]


@pytest.fixture(scope="session")
def packages(tmp_path_factory):
    """The directory with the built packages, which all processes of a run share."""
    need(*NEEDED)
    machine.tree()
    own = tmp_path_factory.getbasetemp()
    shared = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "epmd-packages"
    with open(f"{shared}.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not shared.exists():
            partial = f"{shared}.partial"
            shutil.rmtree(partial, ignore_errors=True)
            build(partial)
            build(partial, NEXT)
            os.rename(partial, shared)
    return shared


@pytest.fixture
def this(packages):
    return built(packages, "this")


@pytest.fixture
def following(packages):
    return built(packages, NEXT)


@pytest.fixture
def chroot(this, tmp_path):
    """A tree with erlang-base, and with what our package depends on."""
    tree = Chroot(tmp_path)
    try:
        tree.start()
        tree.dpkg("-i", *debs(*tree.needs(this)))
        yield tree
    finally:
        tree.stop()


def start_node(chroot, name):
    """An Erlang node that runs until the tree ends; erl starts an epmd if there is none."""
    chroot.do("erl", "-detached", "-sname", name, "-setcookie", "monster")
    with chroot.network():
        wait_for(lambda: name.encode() in names(chroot), what=f"{name} registered")


def names(chroot):
    try:
        return registered(chroot)
    except ConnectionRefusedError:
        return []


def in_use(chroot):
    """Assert that all that starts an epmd starts ours, and that no file was overwritten."""
    chroot.verify()
    erts, = glob.glob(chroot.path("/usr/lib/erlang/erts-*/bin/epmd"))
    assert os.readlink(erts) == "/usr/bin/epmd"
    chroot.ours("/usr/bin/epmd", "/usr/lib/erlang/bin/epmd", erts[len(chroot.path("")):])
    assert "Restart=always" in chroot.do("cat", "/lib/systemd/system/epmd.service")
    assert "EXPOSING EPMD" in chroot.do("zcat", "/usr/share/man/man1/epmd.1.gz")


def ping(chroot, name):
    """Whether a node of this name answers another one."""
    said = chroot.do("erl", "-noshell", "-sname", "asker", "-setcookie", "monster", "-eval",
                     "[_, H] = string:split(atom_to_list(node()), \"@\"),"
                     f"io:format(\"~w\", [net_adm:ping(list_to_atom(\"{name}@\" ++ H))]), halt().")
    return said == "pong"


def test_the_documents_find_each_other(this, tmp_path):
    subprocess.run(["dpkg-deb", "-x", this, tmp_path], check=True)
    documents = list((tmp_path / "usr/share/doc/epmd").rglob("*.md"))
    assert {"README.md", "SECURITY.md", "migrating.md"} <= {path.name for path in documents}
    for path in documents:
        links = re.findall(r"\]\(([^)#]+)[^)]*\)", path.read_text(encoding="utf-8"))
        for link in links:
            assert "://" in link or (path.parent / link).exists(), f"{path.name}: {link}"


def test_install_tells_about_the_nodes_of_the_running_epmd(chroot, this):
    start_node(chroot, "before")
    stocks = chroot.daemons()
    with chroot.network():
        port = re.search(r"name before at port (\d+)", chroot.do("epmd", "-names"))[1]
        said = chroot.install(this)
        assert f"registered with it: name before at port {port}\n" in said
        assert "To change over: end it, then run epmd -daemon" in said
        assert registered(chroot) == [b"before"]
    assert len(stocks) == 1 and chroot.daemons() == [f"{stocks[0]}.stock"]


def test_names_cannot_command_the_terminal(chroot, this):
    """Stock epmd tells them as they were sent; maintainer scripts run as root."""
    chroot.do("epmd", "-daemon")
    with chroot.network(), Node(chroot, b"evil\x1b]0;x\x07\xc2\x9b2J"):
        said = chroot.install(this)
        assert r"registered with it: name evil\033]0;x\a\302\2332J at port" in said
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f]", said.replace("\r\n", "\n")), said
    chroot.do("sh", "-c", "kill $(pgrep -x epmd) && while pgrep -x epmd; do :; done; epmd -daemon")
    with chroot.network(), Node(chroot, b"evil\x1b[2J"):
        said = chroot.do("dpkg", "--remove", "epmd")
        assert r"  name evil\033[2J at port" in said
        assert "\x1b" not in said


def test_nodes_of_the_old_epmd_change_over(chroot, this):
    start_node(chroot, "before")
    chroot.install(this)
    chroot.do("sh", "-c", "kill $(pgrep -x epmd) && while pgrep -x epmd; do :; done; epmd -daemon")
    with chroot.network():
        wait_for(lambda: names(chroot) == [b"before"], what="the node registered again")
    assert set(chroot.daemons()) == {"/usr/bin/epmd"}
    assert ping(chroot, "before")


def test_all_of_it_is_in_use_after_installation(chroot, this):
    said = chroot.install(this)
    assert "another epmd" not in said
    in_use(chroot)
    assert chroot.daemons() == []
    start_node(chroot, "alpha")
    assert set(chroot.daemons()) == {"/usr/bin/epmd"}
    assert ping(chroot, "alpha")


def test_upgrade_loses_no_node(chroot, this, following):
    chroot.install(this)
    start_node(chroot, "alpha")
    with chroot.network(), Node(chroot, b"connected", port=4711, extra=b"x") as node:
        lookup = exchange(chroot, port2(b"alpha"))
        said = chroot.install(following)
        assert "nodes stay registered" in said
        wait_for(lambda: chroot.serving() == f"epmd {NEXT}", what="the new version")
        assert exchange(chroot, port2(b"alpha")) == lookup
        assert exchange(chroot, port2(b"connected")) == found(b"connected", port=4711, extra=b"x")
        node.sock.setblocking(False)
        with pytest.raises(BlockingIOError):  # it is open, and silent
            node.sock.recv(1)
    assert ping(chroot, "alpha")
    in_use(chroot)


def test_rabbitmq_uses_it_and_outlives_an_upgrade(chroot, this, following):
    rabbitmq = debs(*chroot.needs("rabbitmq-server"))
    chroot.install(this)
    # Nothing is started behind the test's back.
    chroot.do("sh", "-c", "echo 'exit 101' >/usr/sbin/policy-rc.d; chmod +x /usr/sbin/policy-rc.d")
    chroot.install(*rabbitmq)
    chroot.do("rabbitmq-server", "-detached")
    with chroot.network():
        wait_for(lambda: b"rabbit" in names(chroot), what="rabbit registered")
        chroot.do("rabbitmqctl", "await_startup")
        assert set(chroot.daemons()) == {"/usr/bin/epmd"}
        lookup = exchange(chroot, port2(b"rabbit"))
        chroot.install(following)
        wait_for(lambda: chroot.serving() == f"epmd {NEXT}", what="the new version")
        assert exchange(chroot, port2(b"rabbit")) == lookup
    assert "Ping succeeded" in chroot.do("rabbitmqctl", "ping")


def test_upgrade_beside_the_old_epmd_tells_again(chroot, this, following):
    start_node(chroot, "before")
    chroot.install(this)
    assert "registered with it: name before" in chroot.install(following)
    with chroot.network():
        assert registered(chroot) == [b"before"]


def test_removal_brings_everything_back(chroot, this, following):
    before = chroot.files()
    chroot.install(this)
    chroot.install(following)
    assert chroot.files() != before
    chroot.do("dpkg", "--remove", "epmd")
    chroot.do("dpkg", "--purge", "epmd")
    assert chroot.files() == before
    assert chroot.do("dpkg", "--verify", "erlang-base") == ""
    assert "by epmd" not in chroot.do("dpkg-divert", "--list")
    start_node(chroot, "after")
    assert chroot.daemons()[0].endswith("/bin/epmd") and "erts-" in chroot.daemons()[0]


def test_removal_leaves_the_running_daemon_to_its_nodes(chroot, this):
    chroot.install(this)
    start_node(chroot, "alpha")
    said = chroot.do("dpkg", "--purge", "epmd")
    assert "the running daemon goes on until it is ended" in said
    assert re.search(r"^  name alpha at port \d+$", said, re.M), said
    with chroot.network():
        assert registered(chroot) == [b"alpha"]


def test_failed_installation_leaves_nothing(chroot, this, tmp_path_factory):
    before = chroot.files()
    broken = altered(this, tmp_path_factory.mktemp("deb"), failing("preinst"))
    assert chroot.dpkg("-i", broken, fails=True)
    assert chroot.files() == before
    assert "by epmd" not in chroot.do("dpkg-divert", "--list")


@pytest.mark.parametrize("script", ["preinst", "postrm"])
def test_failed_upgrade_keeps_the_old_version(chroot, this, following, script, tmp_path_factory):
    chroot.install(this)
    start_node(chroot, "alpha")
    before = chroot.files()
    directory = tmp_path_factory.mktemp("deb")
    broken = altered(following, directory, failing("preinst"))
    if script == "postrm":  # and what is to undo it fails, too
        broken = altered(broken, directory, failing("postrm"))
    assert chroot.dpkg("-i", broken, fails=True)
    assert chroot.files() == before
    with chroot.network():
        assert registered(chroot) == [b"alpha"]
    chroot.install(following)
    with chroot.network():
        assert registered(chroot) == [b"alpha"]
    in_use(chroot)


def test_failed_removal_can_be_repeated(chroot, this, tmp_path_factory):
    chroot.install(altered(this, tmp_path_factory.mktemp("deb"), failing("prerm")))
    assert chroot.dpkg("--remove", "epmd", fails=True)
    in_use(chroot)
    chroot.install(this)
    in_use(chroot)


def test_erlang_installed_later_is_taken_over(chroot, this):
    chroot.dpkg("-i", *debs("erlang-base"))
    before = chroot.files()
    chroot.do("dpkg", "--purge", "erlang-base")
    chroot.install(this)
    chroot.dpkg("-i", *debs("erlang-base"))
    in_use(chroot)
    start_node(chroot, "alpha")
    assert set(chroot.daemons()) == {"/usr/bin/epmd"}
    chroot.do("dpkg", "--purge", "epmd")
    after = chroot.files()
    assert {path for path in before | after if before.get(path) != after.get(path)
            and "passwd" not in path and "group" not in path and "shadow" not in path} == set()


def test_erlang_reinstalled_changes_nothing(chroot, this):
    chroot.dpkg("-i", *debs("erlang-base"))
    chroot.install(this)
    before = chroot.files()
    chroot.dpkg("-i", *debs("erlang-base"))
    assert chroot.files() == before
    in_use(chroot)


def test_another_erts_is_taken_over(chroot, this, tmp_path_factory):
    chroot.install(this)
    upgrade = altered(*debs("erlang-base"), tmp_path_factory.mktemp("deb"), with_other_erts)
    chroot.dpkg("-i", upgrade)
    assert glob.glob(chroot.path("/usr/lib/erlang/erts-*")) == [
        chroot.path(f"/usr/lib/erlang/{ERTS_NEXT}")]
    in_use(chroot)
    chroot.dpkg("-i", *debs("erlang-base"))
    in_use(chroot)
    chroot.do("dpkg", "--purge", "epmd")
    assert chroot.do("dpkg", "--verify", "erlang-base") == ""


@pytest.mark.parametrize("steps", [["--purge"], ["--remove", "--purge"]])
def test_erlang_removed_takes_its_links_along(chroot, this, steps):
    chroot.install(this)
    for step in steps:
        chroot.do("dpkg", step, "erlang-base")
    assert not os.path.exists(chroot.path("/usr/lib/erlang"))
    assert "erts" not in chroot.do("dpkg-divert", "--list")
    assert chroot.do("id", "-un", "epmd") == "epmd"
    assert os.path.lexists(chroot.path("/etc/systemd/system/sockets.target.wants/epmd.socket"))
    chroot.ours("epmd")
    chroot.do("dpkg", "--purge", "epmd")
    assert [path for path in chroot.files() if re.search(r"epmd|erlang", path)] == []
