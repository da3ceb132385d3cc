# SPDX-License-Identifier: Apache-2.0
"""What each line of the unit's sandbox forbids, tried in the unit's place.

Always true here: one container is booted for all. In it runs promises.c, with every line of
our unit but those that say what is run, and when; and once with none of the sandbox.
"""

import json
import os
import re
import subprocess

import pytest

from machine import COMPILER
from restart import machine as container

pytestmark = [pytest.mark.timeout(3600), pytest.mark.asked("long"),
              pytest.mark.needs(COMPILER[0], "glibc")]

SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "promises.c")

# The lines of [Service] that are no part of the sandbox.
RUNS = {"Type", "NotifyAccess", "ExecStart", "ExecReload", "User", "Group", "Restart",
        "RestartSec", "SuccessExitStatus", "RestartPreventExitStatus", "WatchdogSec",
        "FileDescriptorStoreMax", "LimitNOFILE"}

# What is tried, and what comes of it.
PROMISES = {
    "CapabilityBoundingSet=": {"capabilities": "0000000000000000"},
    "LockPersonality=yes": {"another personality": "EPERM"},
    "MemoryDenyWriteExecute=yes": {"memory to write and to execute": "EPERM"},
    "PrivateDevices=yes": {"other devices": "ENOENT"},
    "PrivateIPC=yes": {"others' shared memory": "ENOENT"},
    "PrivateTmp=yes": {"others' /tmp": "ENOENT", "others' /var/tmp": "ENOENT"},
    "PrivateUsers=yes": {"other users": "unknown"},
    "ProcSubset=pid": {"the kernel's files in /proc": "ENOENT"},
    "ProtectControlGroups=yes": {"control groups": "ro"},
    "ProtectHome=yes": {"home directories": "EACCES"},
    "ProtectHostname=yes": {"host name": "its own"},
    "ProtectKernelModules=yes": {"kernel modules": "EACCES"},
    "ProtectProc=invisible": {"others' processes": "ENOENT"},
    "ProtectSystem=strict": {"file system": "ro"},
    "RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX":
        {"another family of addresses": "EAFNOSUPPORT"},
    "RestrictNamespaces=yes": {"a namespace": "EPERM"},
    "RestrictSUIDSGID=yes": {"the set-user-ID bit": "EPERM"},
    # With a filter, and without this line, the process would be killed.
    "SystemCallErrorNumber=EPERM": {"tracing": "EPERM"},
    "SystemCallFilter=@system-service": {"tracing": "EPERM"},
    "SystemCallFilter=~@privileged @resources": {"a file's owner": "EPERM", "priority": "EPERM"},
    "UMask=0777": {"umask": "0777"},
}

# Other lines forbid the same on this system, or nothing shows it: what systemd says counts.
JUDGED = {"NoNewPrivileges=yes", "ProtectClock=yes", "ProtectKernelLogs=yes",
          "ProtectKernelTunables=yes", "RemoveIPC=yes", "RestrictRealtime=yes",
          "SystemCallArchitectures=native"}

# What systemd finds exposed: all other things that it looks at are not.
EXPOSED = {"PrivateNetwork", "IPAddressDeny", "RestrictAddressFamilies_AF_INET_INET6",
           "RestrictAddressFamilies_AF_UNIX",
           "DeviceAllow"}  # the clock, to read: ProtectClock= allows that


def service_lines(name="epmd.service"):
    with open(os.path.join(container.UNITS, name), encoding="utf-8") as unit:
        text = re.search(r"^\[Service\]$(.*?)^\[", unit.read(), re.M | re.S)[1]
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def is_sandbox(line):
    return line.partition("=")[0] not in RUNS


@pytest.fixture(scope="module")
def machine(ours, tmp_path_factory):
    """A booted container with our units, promises.c and what others have left for it to find."""
    container.require()
    program = str(tmp_path_factory.mktemp("promises") / "promises")
    subprocess.run([*COMPILER, "-o", program, SOURCE], check=True)
    booted = container.Machine(ours)
    try:
        booted.boot()
        booted.do("sh", "-c", "systemctl stop epmd.socket epmd.service; userdel epmd;"
                  "systemd-sysusers /opt/units/epmd.sysusers && id epmd &&"
                  "cp /opt/units/epmd.socket /opt/units/epmd.service /etc/systemd/system &&"
                  "systemctl daemon-reload")
        booted.do("sh", "-ec", "mkdir -p /usr/lib/modules;"
                  "touch /tmp/others /var/tmp/others /run/others; chown daemon /run/others; perl -e 'shmget(0x65706d64, 4096, 01666)'")
        with open(program, "rb") as source, open(booted.path("/run/promises"), "wb") as copy:
            copy.write(source.read())
        booted.do("chmod", "755", "/run/promises")
        yield booted
    finally:
        booted.halt()


def tried(machine, lines):
    """What came of each try in a unit with these lines."""
    own = machine.do("readlink", "/proc/1/ns/uts")
    unit = ["[Unit]", "DefaultDependencies=no", "[Service]", "Type=oneshot",
            f"ExecStart=/run/promises {own}", "StandardOutput=truncate:/run/outcome", *lines]
    with open(machine.path("/run/systemd/system/promises.service"), "w", encoding="utf-8") as file:
        file.write("\n".join(unit) + "\n")
    machine.do("systemctl", "daemon-reload")
    machine.do("systemctl", "start", "promises.service")
    return dict(line.split(": ", 1) for line in machine.do("cat", "/run/outcome").splitlines())


def sandboxed(lines):
    return [line for line in lines if is_sandbox(line) or re.match("User=|Group=", line)]


def test_each_line_has_a_promise():
    """A new one needs a try, or what systemd says of it."""
    assert {line for line in service_lines() if is_sandbox(line)} == PROMISES.keys() | JUDGED


def test_what_each_line_forbids_cannot_be_done(machine):
    promised = {what: outcome for tries in PROMISES.values() for what, outcome in tries.items()}
    assert tried(machine, sandboxed(service_lines())) == promised


def test_without_the_sandbox_all_of_it_can(machine):
    """Else the tries would show nothing."""
    outcomes = tried(machine, ["User=epmd"])
    promised = {what: outcome for tries in PROMISES.values() for what, outcome in tries.items()}
    assert outcomes.keys() == promised.keys()
    assert [what for what, outcome in promised.items() if outcomes[what] == outcome] == []


def test_what_systemd_finds_exposed(machine):
    report = json.loads(machine.do("systemd-analyze", "security", "--no-pager", "--json=short",
                                   "epmd.service"))
    assert {check["json_field"] for check in report if check["set"] is False} == EXPOSED
