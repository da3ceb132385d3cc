# SPDX-License-Identifier: Apache-2.0
"""Every difference from stock epmd that is intended, and nothing else.

The tests compare ours with stock byte by byte; what is not in this table is the
same in both. Each row is what one case observes, which test_differences.py in
tests/wire or in tests/cli runs on both binaries; a row without a case fails.
The columns are stock of OTP 25, 27 and 29; a later one says what the earlier says
unless the row has it.
"""

import os
import re
from dataclasses import dataclass

from harness import kind_of

SAME = object()
ERTS_BEFORE_OTP = 12  # erts 13 is that of OTP 25, and so on


def otp_of(binary):
    """The OTP release of an epmd that lies in its erts-* directory."""
    path = os.path.realpath(binary)
    version = re.search(r"/erts-(\d+)\.[^/]*/", path)
    assert version, f"{path} is in no directory of an erts: which OTP is it from?"
    return int(version.group(1)) + ERTS_BEFORE_OTP


@dataclass(frozen=True)
class Difference:
    why: str
    stock: object
    ours: object
    otp27: object = SAME
    otp29: object = SAME

    def of(self, binary):
        """What a binary does in this case."""
        if kind_of(binary) == "ours":
            return self.ours
        otp = otp_of(binary)
        columns = [self.stock, *[column for since, column in ((27, self.otp27), (29, self.otp29))
                                 if otp >= since and column is not SAME]]
        return columns[-1]


WIRE = {
    "a refused registration's connection": Difference(
        "nothing can happen on it any more, and it holds a descriptor",
        stock="open", ours="closed"),
    "descriptors that 50 refusals leave open": Difference(
        "anybody on the host could use them all up",
        stock=50, ours=0),
    "a lookup of a name of 255 characters": Difference(
        "it was registered, so it can be found",
        stock="closed", ours="found"),
    "an empty name with an extra field": Difference(
        "no node can have it, and it spoils the lines of NAMES",
        stock="registered", ours="closed"),
    "STOP of an unknown name": Difference(
        "nothing was stopped",
        stock=b"NOEXISTSTOPPED", ours=b"NOEXIST"),
    "a taken name asked for and reset before the refusal": Difference(
        "a stranger must not unregister the holder",
        stock="holder lost", ours="holder stays"),
    "a name registered again right after its node left": Difference(
        "the end of the old connection has arrived before the new request",
        stock="refused", ours="registered"),
    "the tag r without a watcher": Difference(
        "our own request, RELOAD_REQ: let the program now on disk take over",
        stock=b"", ours=b"NO: there is no keeper and no service manager, the registrations would be "
        b"lost"),
    "trickling bytes": Difference(
        "the packet timeout counts from the connection on, or a peer could stay for ever",
        stock="stays", ours="closed"),
    "idle connections beyond the descriptor limit": Difference(
        "no number of peers may end the daemon",
        stock="ended", otp27="runs", ours="runs"),
    "a lookup with 64 descriptors and 100 idle connections": Difference(
        "an idle connection is evicted for one that asks",
        stock="ended", otp27="no answer", ours="answered"),
    "trickling bytes while other requests come": Difference(
        "the packet timeout counts from the connection on, or a peer could stay for ever",
        stock="stays", otp27="closed", ours="closed"),
    "registrations with a soft limit of 256 descriptors": Difference(
        "the hard limit is what the administrator meant",
        stock="ended", otp27="runs", ours="runs"),
    "two replies delayed by -delay_write": Difference(
        "a simulated delay is for one connection and stops no other",
        stock="one after the other", ours="together"),
    "two connections delayed by -delay_accept": Difference(
        "a simulated delay is for one connection and stops no other",
        stock="one after the other", ours="together"),
    "segments of a NAMES reply with three nodes": Difference(
        "some clients take the first segment for the whole",
        stock="several", ours="one"),
    "segments of a DUMP reply with three nodes": Difference(
        "some clients take the first segment for the whole",
        stock="several", ours="one"),
    "a peer with an IPv4-mapped loopback address that is not our own": Difference(
        "127.0.0.0/8 is this host in either spelling",
        stock="remote", ours="local"),
    "departed names beyond the memory's size": Difference(
        "the memory is as large as its manual says",
        stock=1, ours=0),
    "a lookup that comes after 20 requests for NAMES": Difference(
        "a lookup costs little and a listing much: nobody who boots is to wait for listings",
        stock="answered after them", ours="answered before them"),
    "creations of new names": Difference(
        "a clock that is set back, or a restart within a second, gives the same one twice",
        stock="the clock", ours="random"),
}

CLI = {
    "a port that something else holds": Difference(
        "exit code 0 would say that an epmd is running",
        stock="0 in silence", ours="1 with the reason"),
    "-daemon with a port that something else holds": Difference(
        "the caller relies on the exit code",
        stock="0 in silence", ours="1 with the reason"),
    "-daemon with an address that cannot be bound": Difference(
        "the caller relies on the exit code, and nobody reads the log of a daemon that is gone",
        stock="0 in silence", ours="1 with the reason"),
    "-port 12abc": Difference(
        "a number that is none is not cut to one", stock="taken", ours="usage"),
    "-port 65536": Difference(
        "a port out of range is not cut to 16 bits", stock="taken", ours="usage"),
    "-packet_timeout -1": Difference(
        "a time limit is not negative", stock="taken", ours="usage"),
    "ERL_EPMD_PORT=abc": Difference(
        "a number that is none is not 0; who reads the error has not typed it",
        stock="taken", ours="one line"),
    "-packet_timeout abc beside a command": Difference(
        "what is the daemon's does not concern a command, as with -address",
        stock="usage", ours="taken"),
    "-delay_accept abc beside a command": Difference(
        "what is the daemon's does not concern a command, as with -address",
        stock="usage", ours="taken"),
    "-delay_write abc beside a command": Difference(
        "what is the daemon's does not concern a command, as with -address",
        stock="usage", ours="taken"),
    "-port NO after the command": Difference(
        "the order of the words does not matter", stock="usage", ours="taken"),
    "SIGTERM": Difference(
        "being told to end is no failure", stock=-15, ours=0),
    "SIGINT": Difference(
        "being told to end is no failure", stock=-2, ours=0),
    "a line in syslog": Difference(
        "the logger has the program's name already",
        stock="its name twice", ours="its name once"),
    "an address named twice": Difference(
        "it is bound once",
        stock="ended", ours=["10.9.9.1", "127.0.0.1", "::1"]),
    "0.0.0.0 named": Difference(
        "it covers 127.0.0.1",
        stock="ended", otp29=["0.0.0.0", "::1"], ours=["0.0.0.0", "::1"]),
    ":: named": Difference(
        "it covers ::1",
        stock="ended", otp29=["127.0.0.1", "::"], ours=["127.0.0.1", "::"]),
    "0.0.0.0 and :: named": Difference(
        "they cover both loopbacks",
        stock="ended", otp29=["0.0.0.0", "::"], ours=["0.0.0.0", "::"]),
    "::1 named on a host without IPv6": Difference(
        "no list of loopback addresses is fatal on a host that lacks a family",
        stock=["127.0.0.1"], otp29="ended", ours=["127.0.0.1"]),
    "127.0.0.1 named on a host without IPv4": Difference(
        "no list of loopback addresses is fatal on a host that lacks a family",
        stock=["::1"], otp29="ended", ours=["::1"]),
}
