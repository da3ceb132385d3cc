# SPDX-License-Identifier: Apache-2.0
"""The rows of the table: what is measured, and what ours must show there.

In every round each contestant has its turn, so that what else happens on the
machine falls on all of them alike.
"""

import contextlib
import statistics
from dataclasses import dataclass, field

import contestants
from contestants import Server

FILL_IN_FLIGHT = 64
SAME = 1.02  # one and the same binary against itself differs by so much
BUSY = 0.2  # a server that waited longer for its CPU, per time on it, was not alone there


class Failed(Exception):
    """A server did not do what the row needs of it."""


@dataclass
class Row:
    """One line of the table: per contestant one value a round."""
    name: str
    case: str
    unit: str
    must: str = ""
    values: dict = field(default_factory=dict)
    latency_us: dict = field(default_factory=dict)
    waited: list = field(default_factory=list)
    limits: dict = field(default_factory=dict)  # over which contestant -> largest ratio
    met: bool | None = None  # when it is not a matter of ratios
    note: str = ""
    at: tuple = ()  # (nodes, in flight), for the plots

    def add(self, kind, value, tally=None):
        self.values.setdefault(kind, []).append(value)
        if tally:
            self.latency_us.setdefault(kind, []).append(
                (tally["p50_us"], tally["p99_us"], tally["p999_us"]))
            self.waited.append(tally.get("waited", 0))

    def drop(self, kind, why):
        self.values.pop(kind, None)
        self.latency_us.pop(kind, None)
        self.note = f"{kind}: {why}"

    def median(self, kind):
        return statistics.median(self.values[kind]) if self.values.get(kind) else None

    def latencies(self, kind):
        rounds = self.latency_us.get(kind)
        return [statistics.median(column) for column in zip(*rounds)] if rounds else None

    def ratio(self, kind, other):
        """The median of the rounds' ratios, each of neighbours in time."""
        pairs = list(zip(self.values.get(kind, []), self.values.get(other, [])))
        if not pairs or not all(below for _, below in pairs):
            return None
        return statistics.median(above / below for above, below in pairs)

    def disturbed(self):
        return bool(self.waited) and statistics.median(self.waited) > BUSY

    def verdict(self):
        """Whether ours shows what it must; None where nothing is asked or could be told."""
        if self.met is not None or self.disturbed():
            return self.met
        ratios = [(self.ratio("ours", other), limit) for other, limit in self.limits.items()]
        known = [ratio <= limit for ratio, limit in ratios if ratio is not None]
        return all(known) if known else None


def count(nodes):
    return f"{nodes:,} node" + "s" * (nodes != 1)


def failures(tally):
    ways = ("refused", "closed", "reset", "stalled")
    return ", ".join(f"{tally[way]} {way}" for way in ways if tally[way])


def cpu_sample(server, what, in_flight, milliseconds, count=1_000_000):
    """Server CPU per request in us, and the tally."""
    used, waited = server.cpu_ns(), server.waited_ns()
    tally = server.generate(what, count, in_flight, milliseconds)
    used, waited = server.cpu_ns() - used, server.waited_ns() - waited
    tally["waited"] = waited / max(1, used)
    return used / 1000 / max(1, tally["answered"] + tally["refused"]), tally


def fill(server, held, nodes):
    """Register nodes until so many are held."""
    if nodes > held:
        tally = server.generate("register", nodes - held, min(FILL_IN_FLIGHT, nodes - held))
        if tally["answered"] != nodes - held:
            raise Failed(f"{server.kind}, {nodes:,} nodes: {failures(tally)}")


class Bench:
    """What all rows share: who takes part, how often, how long."""

    def __init__(self, ours, stock, programs, options):
        self.ours, self.stock, self.options = ours, stock, options
        self._load, self._floor = f"{programs}/load", f"{programs}/floor"
        self._repeats = options.repeats

    def epmd(self, kind):
        path = self.ours if kind == "ours" else self.stock
        return Server(kind, [path, "-port", "PORT"], self._load)

    def floor_with(self, reply):
        return Server("floor", [self._floor, "PORT"], self._load, reply)

    def kinds(self):
        return ["ours", "stock"] if self.stock else ["ours"]

    def bearable(self, kind, nodes):
        """So many nodes, or as many as stock can hold."""
        return nodes if kind == "ours" else min(nodes, self.options.stock_nodes)

    def turn(self, server, what, in_flight):
        """One turn; taken again, so long as there are repeats left, when others were busy."""
        while True:
            value, tally = cpu_sample(server, what, in_flight, self.options.slice_ms)
            if tally["waited"] <= BUSY or self._repeats == 0:
                return value, tally
            self._repeats -= 1

    def rounds(self, row, servers, what, in_flight, reply_size):
        """Alternate the servers; who fails to answer all, and whole, leaves the row."""
        taking_part = list(servers)
        for _ in range(self.options.rounds):
            for server in list(taking_part):
                value, tally = self.turn(server, what, in_flight)
                whole = tally["bytes"] == tally["answered"] * reply_size
                if failures(tally) or not whole:
                    row.drop(server.kind, failures(tally) or "answers of another size")
                    taking_part.remove(server)
                else:
                    row.add(server.kind, value, tally)
        if "ours" not in row.values:
            row.met = False
        return row

    def lookups(self, what, sizes):
        """Server CPU and latency of lookups among ever more nodes."""
        reply = contestants.LOOKUP_REPLIES[what]
        with contextlib.ExitStack() as stack:
            floor = stack.enter_context(self.floor_with(reply))
            epmds = [stack.enter_context(self.epmd(kind)) for kind in self.kinds()]
            held = 0
            for nodes in sizes:
                epmds = [one for one in epmds if self.bearable(one.kind, nodes) == nodes]
                for server in epmds:
                    fill(server, held, nodes)
                held = nodes
                for in_flight in self.options.in_flight:
                    row = Row(f"lookup, {what}", f"{count(nodes)}, {in_flight} in flight",
                              "us CPU", "<= 1.10 x floor, <= stock", at=(nodes, in_flight),
                              limits={"floor": 1.10, "stock": SAME})
                    yield self.rounds(row, [*epmds, floor], what, in_flight, len(reply))

    def known(self):
        yield from self.lookups("known", [nodes for nodes in self.options.sizes if nodes > 0])

    def unknown(self):
        yield from self.lookups("unknown", self.options.sizes)

    def growth(self):
        """Two of ours side by side, one with a single node and one with the most."""
        most = self.options.sizes[-1]
        with self.epmd("ours") as full, self.epmd("ours") as single:
            fill(full, 0, most)
            fill(single, 0, 1)
            single.kind = "one node"
            for what, reply in contestants.LOOKUP_REPLIES.items():
                for in_flight in self.options.in_flight:
                    row = Row(f"growth, {what}", f"{most:,} nodes over 1, {in_flight} in flight",
                              "us CPU", "<= 1.05 x at 1 node", limits={"one node": 1.05})
                    self.rounds(row, [full, single], what, in_flight, len(reply))
                    row.note = f"{row.ratio('ours', 'one node'):.3f} x at 1 node"
                    yield row

    def register(self):
        """The first registrations against the last, in a daemon of their own each round."""
        most, part = self.options.sizes[-1], self.options.registrations
        last = (most - part, most)
        spans = [(0, part), (part, 2 * part), last]
        rows = {(first, end): Row("registration", f"no. {first + 1:,} to {end:,}", "us CPU")
                for first, end in spans}
        whole = []
        for _ in range(self.options.rounds):
            for kind in self.kinds():
                with self.epmd(kind) as server:
                    held = 0
                    for first, end in spans if kind == "ours" else spans[:-1]:
                        fill(server, held, first)
                        sample = cpu_sample(server, "register", 32, 60000, end - first)
                        rows[first, end].add(kind, *sample)
                        held = end
                    if kind == "ours":
                        whole.append(server.generate("held", 0)["held"])
        final = rows[last]
        growth = final.median("ours") / rows[spans[0]].median("ours")
        final.must = "within 10 % of the first"
        final.met = None if final.disturbed() else abs(growth - 1) <= 0.10
        final.note = f"{growth:.3f} x the first"
        yield from rows.values()
        yield Row("held at once", f"{most:,} nodes", "nodes", "all", {"ours": whole},
                  met=min(whole) == most)

    def cycle(self):
        """Each node leaves and comes back at once, lap after lap."""
        nodes, laps = self.options.cycle_nodes, self.options.laps
        edge = max(1, laps // 4)
        begin = Row("leave and return", f"{nodes:,} nodes, first {edge} laps of {laps}", "us CPU")
        end = Row("leave and return", f"{nodes:,} nodes, last {edge} laps of {laps}", "us CPU",
                  "<= 1.10 x the first, none refused")
        refused = dict.fromkeys(self.kinds(), 0)
        with contextlib.ExitStack() as stack:
            servers = [stack.enter_context(self.epmd(kind)) for kind in self.kinds()]
            for server in servers:
                fill(server, 0, self.bearable(server.kind, nodes))
            for lap in range(laps):
                for server in servers:
                    count = server.generate("held", 0)["held"] or 1
                    value, tally = cpu_sample(server, "cycle", 1, 60000, count)
                    refused[server.kind] += tally["refused"] + tally["closed"] + tally["reset"]
                    if lap < edge:
                        begin.add(server.kind, value, tally)
                    elif lap >= laps - edge:
                        end.add(server.kind, value, tally)
        growth = end.median("ours") / begin.median("ours")
        if refused["ours"] > 0 or not (begin.disturbed() or end.disturbed()):
            end.met = growth <= 1.10 and refused["ours"] == 0
        turned_away = ", ".join(f"{kind} {times}" for kind, times in refused.items())
        end.note = f"{growth:.3f} x the first; refused: {turned_away}"
        yield begin
        yield end

    def names(self):
        for nodes in self.options.names_sizes:
            reply = contestants.names_reply(nodes)
            with contextlib.ExitStack() as stack:
                epmds = [stack.enter_context(self.epmd(kind)) for kind in self.kinds()
                         if self.bearable(kind, nodes) == nodes]
                for server in epmds:
                    fill(server, 0, nodes)
                floor = stack.enter_context(self.floor_with(reply))
                for in_flight in self.options.in_flight[:2]:
                    row = Row("NAMES", f"{count(nodes)}, {in_flight} in flight", "us CPU",
                              "<= 1.2 x floor", limits={"floor": 1.2}, at=(nodes, in_flight))
                    yield self.rounds(row, [*epmds, floor], "names", in_flight, len(reply))

    def burst(self):
        """Everybody at once; what counts is that nobody is turned away."""
        connects = self.options.burst
        row = Row("burst", f"{connects:,} connects at once", "answered", "all answered, none reset")
        notes = {}
        with contextlib.ExitStack() as stack:
            servers = [stack.enter_context(self.epmd(kind)) for kind in self.kinds()]
            servers.append(stack.enter_context(self.floor_with(contestants.LOOKUP_REPLIES["known"])))
            for server in servers[:-1]:
                fill(server, 0, 10)
            for _ in range(self.options.rounds):
                for server in servers:
                    tally = server.generate("known", connects, connects)
                    row.add(server.kind, tally["answered"], tally)
                    if failures(tally):
                        notes[server.kind] = f"{server.kind}: {failures(tally)}"
        row.met = min(row.values["ours"]) == connects
        row.note = "; ".join(notes.values())
        yield row

    def memory(self):
        row = Row("memory a node", f"{self.options.memory_nodes:,} nodes", "bytes PSS", "<= 512")
        for _ in range(3):
            for kind in self.kinds():
                nodes = self.bearable(kind, self.options.memory_nodes)
                with self.epmd(kind) as server:
                    before = server.pss_bytes()
                    fill(server, 0, nodes)
                    row.add(kind, (server.pss_bytes() - before) / nodes)
        row.met = row.median("ours") <= 512
        if self.stock:
            row.note = f"stock: {self.options.stock_nodes:,} nodes"
        yield row
