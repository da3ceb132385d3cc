# SPDX-License-Identifier: Apache-2.0
"""How each block of commands in the documents is run, or why it is not.

A block is called by its first command. Blocks of one case are run one after the other in
one place. `instead` has what stands in for a command, or None, where a test can have
neither a network nor the page's own host; each says why.
"""

import dataclasses
from typing import Callable

from documents.places import host, rabbitmq, systemd

@dataclasses.dataclass(frozen=True)
class Case:
    page: str
    blocks: list
    place: Callable = host
    before: str = ":"
    instead: dict = dataclasses.field(default_factory=dict)
    after: list = dataclasses.field(default_factory=list)  # (command, what it prints at last)


# ---- what there is before ----

NODE = "erl -noinput -sname a &\nuntil epmd -names | grep -q 'name a '; do sleep 0.05; done"

# Its commands fail as long as its node is not there at all.
BROKER = """
rabbitmq-server -detached
until epmd -names | grep -q 'name rabbit '; do sleep 0.1; done
rabbitmqctl await_startup
"""

# A release: a runtime system in a folder of its own, with a stock epmd, which it starts.
RELEASE = """
mkdir -p /opt/demo/erts-1/bin
bin=$(erl -noshell -eval 'io:put_chars(os:getenv("BINDIR")), halt().')
ln -s "$bin"/* /opt/demo/erts-1/bin
rm /opt/demo/erts-1/bin/epmd
cp "$(readlink -f "$bin/epmd")" /opt/demo/erts-1/bin/epmd
ROOTDIR=$(erl -noshell -eval 'io:put_chars(code:root_dir()), halt().') BINDIR=/opt/demo/erts-1/bin \\
    EMU=beam PROGNAME=erl /opt/demo/erts-1/bin/erlexec -sname demo -noinput &
until epmd -names | grep -q 'name demo '; do sleep 0.05; done
readlink /proc/$(pgrep -x epmd)/exe | grep -qx /opt/demo/erts-1/bin/epmd
"""

# Another host, on a network that is private and on one that is not.
NEIGHBOUR = """
ip link add w0 type veth peer name w1
unshare --net sleep 1000 &
neighbour=$!
until [ "$(readlink /proc/$neighbour/ns/net)" != "$(readlink /proc/$$/ns/net)" ]; do sleep 0.05; done
ip link set w1 netns $neighbour
ip address add 10.20.0.1/24 dev w0
ip address add 198.51.100.1/24 dev w0
ip link set w0 up
elsewhere() { nsenter --net --target $neighbour "$@"; }
elsewhere ip address add 10.20.0.2/24 dev w1
elsewhere ip address add 198.51.100.2/24 dev w1
elsewhere ip link set w1 up
"""

CLUSTER = """
ip address add 192.0.2.11/24 dev lo
ip address add 192.0.2.12/24 dev lo
printf '192.0.2.11 h1.example\\n192.0.2.12 h2.example\\n' >>/etc/hosts
printf "'h1.example'.\\n'h2.example'.\\n" >/etc/epmd.hosts
"""

OURS = ("readlink /proc/$(pgrep -o -x epmd)/exe", "^/usr/local/bin/epmd$")

CASES = [
    Case("README.md", ["./dev build", "build/epmd -port 5000 -daemon", "kill -9 $(pgrep -n -x epmd)",
                       "kill $! && wait $!"],
         instead={"apt-get install -y erlang-base": "command -v erl",  # no network
                  # A node that has just registered loses the signal still.
                  "kill $! && wait $!": "while kill $!; do sleep 0.1; done"},
         after=[("pgrep -x epmd || echo none", "^none$")]),
    Case("README.md", ["epmd -check a@here.example"],
         before="ip address add 10.9.9.1/32 dev lo; echo 10.9.9.1 here.example >>/etc/hosts\n"
                "ERL_EPMD_ADDRESS=127.0.0.1 epmd -daemon\n"
                + NODE.replace("-sname a", "-name a@here.example"),
         instead={"epmd -check a@here.example": "! epmd -check a@here.example"}),
    Case("README.md", ["./dev build -static"],
         after=[("/usr/local/bin/epmd -version", r"^epmd \d"),
                ("ldd /usr/local/bin/epmd", "not a dynamic|statically linked")]),
    Case("README.md", ["systemd-sysusers"], place=systemd,
         before="""
systemctl stop epmd.socket epmd.service
userdel epmd
mkdir -p /usr/local/lib/systemd/system /usr/local/lib/sysusers.d
cp dist/systemd/epmd.sysusers /usr/local/lib/sysusers.d/epmd.conf
for unit in socket service; do
    sed 's|/usr/bin/epmd|/usr/local/bin/epmd|' dist/systemd/epmd.$unit \\
        >/usr/local/lib/systemd/system/epmd.$unit
done
""",
         after=[("/usr/local/bin/epmd -names; systemctl is-active epmd.service", "^active$"), OURS]),

    Case("docs/migrating.md", ["./dev build"], after=[("/usr/local/bin/epmd -version", r"^epmd \d")]),
    Case("docs/migrating.md", ["/usr/local/bin/epmd -version"],
         before=f"/usr/local/bin/epmd -daemon\n{NODE}",
         instead={"readlink /proc/PID/exe": "readlink /proc/$(pgrep -o -x epmd)/exe"},
         after=[OURS, ("ss -Hltnp 'sport = :4369'", r'users:\(\("epmd"')]),
    Case("docs/migrating.md", ["epmd -names"], before=NODE,
         after=[("epmd -names", r"^name a at port"), OURS]),
    Case("docs/migrating.md", ["for unit in epmd.socket epmd.service; do",
                               "rm -f /etc/systemd/system/epmd.socket /etc/systemd/system/epmd.service"],
         place=systemd,
         before="""
mkdir -p /etc/systemd/system/epmd.service.d
printf '[Service]\\nEnvironment=OF_THE_ADMINISTRATOR=1\\n' >/etc/systemd/system/epmd.service.d/own.conf
""",
         after=[("/usr/bin/epmd -names; readlink /proc/$(pgrep -x epmd)/exe", "^/usr/lib/erlang/"),
                ("systemctl show -P Environment epmd.service", "OF_THE_ADMINISTRATOR=1")]),
    Case("docs/migrating.md", ["cd /opt/demo/erts-*/bin", "cd /opt/demo/erts-*/bin"], before=RELEASE,
         after=[("/usr/local/bin/epmd -names", "^name demo at port"),
                ("readlink /proc/$(pgrep -x epmd)/exe", "^/opt/demo/erts-1/bin/epmd$")]),
    Case("docs/migrating.md", ["rabbitmqctl cluster_status"], place=rabbitmq,
         before=BROKER,
         after=[("epmd -names", "^name rabbit at port 25672$"),
                ("rabbitmqctl cluster_status", "(?s)Running Nodes.{0,9}rabbit@"),
                ("rabbitmqctl eval 'erl_epmd:names().'", r'"rabbit",25672')]),
    Case("docs/migrating.md", ["sed 's/^\\(After\\|Requires\\)=epmd.service/\\1=epmd.socket/; s/^Requires=/Wants=/' \\"],
         place=rabbitmq,
         instead={"systemctl daemon-reload": None},  # no systemd runs there
         after=[("grep epmd /etc/systemd/system/ejabberd.service", "^Wants=epmd.socket$"),
                ("grep epmd /etc/systemd/system/ejabberd.service", "^After=epmd.socket")]),

    Case("docs/late-nodes.md", ["systemctl enable --now epmd.socket"], place=systemd,
         before="systemctl disable --now epmd.socket epmd.service",
         after=[("epmd -names; systemctl is-active epmd.service", "^active$")]),

    Case("docs/monitoring.md", ["systemctl add-wants multi-user.target epmd.service"], place=systemd,
         before="""
sed 's|/usr/bin/epmd|/usr/local/bin/epmd|' dist/systemd/epmd.service >/etc/systemd/system/epmd.service
cp dist/systemd/epmd.socket /etc/systemd/system
mkdir -p /etc/systemd/system/epmd.service.d
printf '[Service]\\nEnvironment=ERL_EPMD_METRICS=9568\\n' >/etc/systemd/system/epmd.service.d/m.conf
systemctl daemon-reload
systemctl stop epmd.service
systemctl restart epmd.socket
""",
         after=[("ss -Hltn 'sport = :9568'", "127.0.0.1:9568"),
                ("systemctl show -P Wants multi-user.target", r"\bepmd\.service\b")]),

    Case("docs/clusters.md", ["epmd -names -hosts h1.example,h2.example"],
         before=f"{CLUSTER}epmd -daemon",
         instead={"epmd -names -hosts dns:cluster.example": None},  # tests/clients/test_clusters.py
         after=[("epmd -names -hosts @/etc/epmd.hosts", "^epmd: 2 hosts, 2 answer")]),
    Case("docs/clusters.md", ["epmd -daemon -allow_lookup 192.0.2.0/24 -allow_names 192.0.2.0/24"],
         before=CLUSTER,
         after=[("epmd -names -hosts h1.example,h2.example", "^epmd: 2 hosts, 2 answer")]),

    Case("docs/security.md", ["epmd -daemon -allow_lookup none -allow_names none",
                              "grep -E 'NoNewPrivs|Seccomp:' /proc/$(pgrep -n -x epmd)/status"],
         before=NEIGHBOUR,
         after=[("epmd -names", "^epmd: up"),
                ("elsewhere epmd -names -host 10.20.0.1", "closed without an answer")]),
    Case("docs/security.md", ["epmd -daemon -allow_lookup 10.20.0.0/16,fd00:20::/32 -allow_names none"],
         before=NEIGHBOUR,
         after=[("elsewhere epmd -names -host 10.20.0.1", "closed without an answer"),
                ("elsewhere epmd -check a@10.20.0.1", "lookup .*answers$"),
                ("elsewhere epmd -check a@198.51.100.1", "not_allowed$")]),
    Case("docs/security.md", ["mkdir -p /etc/systemd/system/epmd.service.d"], place=systemd,
         before="""
sed 's|/usr/bin/epmd|/usr/local/bin/epmd|' dist/systemd/epmd.service >/etc/systemd/system/epmd.service
cp dist/systemd/epmd.socket /etc/systemd/system
systemctl daemon-reload
systemctl restart epmd.socket
""",
         after=[("/usr/local/bin/epmd -check", "allowed from there: lookups private; names none")]),
    Case("docs/security.md", ["erl -name a@h1.example -kernel inet_dist_listen_min 9100 "
                              "inet_dist_listen_max 9105"],
         instead={"erl -name a@h1.example -kernel inet_dist_listen_min 9100 inet_dist_listen_max 9105":
                  "erl -noinput -name a@h1.example -kernel inet_dist_listen_min 9100 "
                  "inet_dist_listen_max 9105 &"},  # its shell ends with this test's input
         after=[("epmd -names", "^name a at port 910[0-5]$")]),
    Case("docs/security.md", ["epmd -check", "epmd -names -host 198.51.100.1"],
         before=f"{NEIGHBOUR}epmd -daemon -allow_lookup private -allow_names none\n{NODE}",
         # The page's second command is another host's, and is to fail.
         instead={"epmd -names -host 198.51.100.1": "! elsewhere epmd -names -host 198.51.100.1"}),
]

NOT_RUN = {
    ("docs/migrating.md", "./dev package"): "tests/package builds, installs, upgrades and removes it",
    ("docs/late-nodes.md", "# rel/env.sh.eex"): "tests/clients/test_late.py puts it into a release",
    ("docs/late-nodes.md", "# start, the command of the image"): "tests/clients/test_late.py has it",
    ("docs/late-nodes.md", "podman run -d --name epmd epmd"): "tests/container runs it with runc",
    ("docs/late-nodes.md", "export ERL_EPMD_EXIT_WHEN_IDLE=600"):
        "takes ten minutes: tests/restart/test_idle.py has shorter ones",
    ("README.md", "./dev package"): "tests/package builds, installs, upgrades and removes it",
    ("README.md", "meson setup build-install --prefix=/usr/local"):
        "compiles for a minute: tests/package/test_install.py installs what is built",
    ("docs/migrating.md", "podman build --format docker -t epmd -f dist/container/Containerfile ."):
        "tests/container builds the image with buildah: what compiles in it needs a network",
    ("docs/migrating.md", "podman run -d --name epmd --network host --read-only --cap-drop all epmd"):
        "tests/container runs it with runc",
    ("docs/migrating.md", "podman healthcheck run epmd"): "tests/container runs both with runc",
    ("docs/clusters.md", "epmd -names -hosts dns:rabbitmq-nodes.default.svc.cluster.local"):
        "asks a name server: tests/clients/test_clusters.py has one",
}
