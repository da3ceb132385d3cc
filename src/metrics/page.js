// Draws what /metrics tells, again every few seconds.
'use strict';

const PERIOD_MS = 3000;
const PATIENCE_MS = 5000; // for one answer
const POINTS_MAX = 600; // of a curve; beyond them two become one
const RECENT_MS = 60000;
const NEARLY_FULL = 0.9;

const REQUESTS = {
  PORT_PLEASE2_REQ: 'lookups of a name',
  ALIVE2_REQ: 'registrations',
  NAMES_REQ: 'lists of the names',
  DUMP_REQ: 'dumps (-dump)',
  INFO_REQ: 'lists with all details (-names -l, -check)',
  KILL_REQ: 'requests to end (-kill)',
  STOP_REQ: 'requests to unregister a node (-stop)',
  RELOAD_REQ: 'requests to reload (-reload)',
};

const REFUSALS = {
  frame_empty: 'the request is empty',
  frame_too_long: 'not an Erlang client: its length is that of no request',
  frame_overrun: 'more bytes than the request announced',
  tag_unknown: 'no such request',
  truncated: 'the request is shorter than its own fields say',
  name_empty: 'the name is empty',
  name_has_nul: 'the name contains a NUL',
  name_not_utf8: 'the name is not valid UTF-8',
  name_too_long: 'the name is longer than 255 characters',
  extra_too_long: 'the extra field is longer than 1020 bytes',
  not_local: 'only peers on this host may ask that',
  nothing_allowed: 'the peer may ask nothing (-allow_lookup, -allow_names, -allow_register)',
  lookup_not_allowed: 'lookups are not allowed from there (-allow_lookup)',
  names_not_allowed: 'names are not listed for peers there (-allow_names)',
  register_not_allowed: 'registrations are not allowed from there (-allow_register)',
  not_relaxed: 'epmd runs without -relaxed_command_check',
  nodes_alive: 'nodes are registered, and epmd runs without -relaxed_command_check',
  no_successor: 'a reload would have lost registrations',
  no_program: 'a reload cannot start the program that is on disk now',
  not_all_kept: 'a reload would have lost registrations that the watcher has not',
  reloaded_lately: 'the last reload was less than 10 s before',
  name_taken: 'the name is taken',
  registry_full: 'no descriptor is left for one more node',
  host_full: 'its host has as many nodes as one may have (-max_nodes_per_host)',
  kept_for_local: 'what is left is kept for nodes of this host (-reserve_local)',
  no_memory: 'out of memory',
  no_room: 'no descriptor is left for peers from elsewhere',
  too_many: 'its host has too many unfinished connections (-max_per_host)',
};

const find = (selector) => document.querySelector(selector);
const numbers = new Intl.NumberFormat('en');
const rates = new Intl.NumberFormat('en', {maximumFractionDigits: 1, minimumFractionDigits: 1});
const count = (n, noun) => `${numbers.format(n)} ${noun}${n === 1 ? '' : 's'}`;

// ---- what /metrics tells ----

const UNESCAPED = {'\\\\': '\\', '\\"': '"', '\\n': '\n'};

function parseLabels(text) {
  const labels = new Map();
  for (const [, name, value] of text.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)) {
    labels.set(name, value.replace(/\\./g, (pair) => UNESCAPED[pair] ?? pair));
  }
  return labels;
}

/** Each metric by its name: a list of {labels, value}. */
function parse(text) {
  const metrics = new Map();
  for (const [, name, labels, value] of
    text.matchAll(/^(\w+)(?:\{((?:"(?:[^"\\]|\\.)*"|[^"}])*)\})? (\S+)$/gm)) {
    if (!metrics.has(name)) {
      metrics.set(name, []);
    }
    metrics.get(name).push({labels: parseLabels(labels ?? ''), value: Number(value)});
  }
  return metrics;
}

const series = (metrics, name) => metrics.get(name) ?? [];
const value = (metrics, name) => series(metrics, name)[0]?.value ?? 0;
const label = (metrics, name, which) => series(metrics, name)[0]?.labels.get(which) ?? '';
const sum = (metrics, name) => series(metrics, name).reduce((total, it) => total + it.value, 0);

function byLabel(metrics, name, which) {
  return new Map(series(metrics, name).map((it) => [it.labels.get(which), it.value]));
}

/** The facts of one moment, from all metrics. */
function understand(metrics, now) {
  const requests = byLabel(metrics, 'epmd_requests_total', 'request');
  const ports = byLabel(metrics, 'epmd_node_port', 'name');
  const since = byLabel(metrics, 'epmd_node_registered_timestamp_seconds', 'name');
  const watcher = series(metrics, 'epmd_watcher').find((it) => it.value === 1);
  return {
    now, metrics, requests,
    refusals: byLabel(metrics, 'epmd_refusals_total', 'reason'),
    started: value(metrics, 'process_start_time_seconds'),
    watcher: watcher ? watcher.labels.get('kind') : 'none',
    nNodes: value(metrics, 'epmd_nodes'),
    nHeld: value(metrics, 'epmd_stored_registrations'),
    nodes: series(metrics, 'epmd_node_info').map(({labels}) => {
      const name = labels.get('name');
      return {labels, name, port: ports.get(name), since: since.get(name)};
    }),
    counted: {
      lookups: requests.get('PORT_PLEASE2_REQ') ?? 0,
      registrations: requests.get('ALIVE2_REQ') ?? 0,
      refusals: sum(metrics, 'epmd_refusals_total'),
    },
  };
}

// ---- words ----

/** A name as epmd logs it: nothing in it moves, hides or reverses the text around it. */
function printable(name) {
  return name.replace(/[\p{Cc}\p{Zl}\p{Zp}\\"\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu,
    (it) => [...new TextEncoder().encode(it)]
      .map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join(''));
}

function duration(seconds) {
  const s = Math.max(0, Math.floor(seconds));
  const [min, h, d] = [60, 3600, 86400].map((unit) => Math.floor(s / unit));
  if (d > 0) {
    return `${numbers.format(d)} d ${h % 24} h`;
  }
  return h > 0 ? `${h} h ${min % 60} min` : min > 0 ? `${min} min` : `${s} s`;
}

const clock = (ms) => new Date(ms).toLocaleTimeString('en-GB');
const day = (ms) => new Date(ms).toLocaleDateString('sv'); // 2026-11-27

function setText(element, text) {
  if (element.textContent !== text) {
    element.textContent = text;
  }
}

// ---- what is wrong ----

function recently(history) {
  const last = history.at(-1);
  const first = history.find((it) => it.now >= last.now - RECENT_MS);
  const grown = new Map();
  for (const [reason, n] of last.refusals) {
    const before = first.started === last.started ? first.refusals.get(reason) ?? 0 : 0;
    if (n > before) {
      grown.set(reason, n - before);
    }
  }
  return grown;
}

const reasonText = (reason) => REFUSALS[reason] ?? reason.replaceAll('_', ' ');

function watcherProblem(facts) {
  if (facts.watcher === 'none') {
    return {tile: 'watcher', text: 'Nothing watches over the registrations: ' +
      'when this epmd ends, all of them are lost.'};
  }
  const missing = facts.nNodes - facts.nHeld;
  return missing > 0 && {tile: 'watcher', level: 'bad', text: `${count(missing, 'registration')} ` +
    `of ${numbers.format(facts.nNodes)} not held by the ${facts.watcher}: a restart loses ` +
    `${missing === 1 ? 'it' : 'them'}.`};
}

function roomProblem({nNodes, metrics}) {
  const most = value(metrics, 'epmd_nodes_max');
  if (nNodes >= most) {
    return {tile: 'nodes', level: 'bad', text: `There is no room for more nodes than these ` +
      `${numbers.format(most)}. Raise epmd's limit of open files.`};
  }
  return nNodes > NEARLY_FULL * most && {tile: 'nodes', text: `There is room for only ` +
    `${count(most - nNodes, 'more node')}.`};
}

function refusalProblem(grown) {
  const n = [...grown.values()].reduce((total, it) => total + it, 0);
  const [most] = [...grown].sort((a, b) => b[1] - a[1]);
  return n > 0 && {tile: 'refused', text: `Refused in the last minute: ${numbers.format(n)}, ` +
    `${grown.size > 1 ? 'most often' : 'each time'} because: ${reasonText(most[0])}.`};
}

function drawProblems(facts, grown) {
  const problems = [watcherProblem(facts), roomProblem(facts), refusalProblem(grown)]
    .filter(Boolean);
  const list = find('#problems');
  const text = problems.map((it) => it.text).join('\n');
  for (const tile of document.querySelectorAll('.tiles > div')) {
    const problem = problems.find((it) => tile.id === `tile-${it.tile}`);
    tile.className = problem ? problem.level ?? 'warn' : '';
  }
  if (list.dataset.text !== text) { // a screen reader reads it when it changes only
    list.dataset.text = text;
    list.replaceChildren(...problems.map((it) => {
      const item = document.createElement('li');
      item.className = it.level ?? 'warn';
      item.textContent = it.text;
      return item;
    }));
  }
}

// ---- tiles ----

function drawTile(which, shown, note) {
  const [number, words] = find(`#tile-${which}`).querySelectorAll('dd');
  setText(number, shown);
  setText(words, note);
}

function drawTiles({metrics, nNodes, nHeld, watcher, counted}) {
  const held = nHeld >= nNodes ? `holds all ${numbers.format(nNodes)}`
    : `holds ${numbers.format(nHeld)} of ${numbers.format(nNodes)}`;
  drawTile('nodes', numbers.format(nNodes),
    `at most ${numbers.format(value(metrics, 'epmd_nodes_max'))}`);
  drawTile('watcher', watcher, watcher === 'none' ? 'a restart loses all' : held);
  drawTile('lookups', numbers.format(counted.lookups),
    `${numbers.format(value(metrics, 'epmd_lookup_misses_total'))} found no node`);
  drawTile('refused', numbers.format(counted.refusals), 'requests and peers');
  drawTile('connections', numbers.format(value(metrics, 'epmd_connections')),
    `at most ${numbers.format(value(metrics, 'epmd_connections_max'))}`);
}

// ---- curves ----

/** Two points that follow one another, as one. */
function merge(a, b = a) {
  const n = a.rate * (a.to - a.from) + (b === a ? 0 : b.rate * (b.to - b.from));
  return {from: a.from, to: b.to, rate: n / (b.to - a.from)};
}

/** One of the three curves: what happened a second, since the page was opened. */
class Curve {
  constructor(which) {
    this.which = which;
    this.figure = find(`#curve-${which}`);
    this.points = []; // {from, to, rate}
  }

  add(from, to, rate) {
    this.points.push({from, to, rate});
    if (this.points.length > POINTS_MAX) {
      this.points = this.points.flatMap((a, i, all) => (i % 2 ? [] : [merge(a, all[i + 1])]));
    }
  }

  draw() {
    if (this.points.length === 0) {
      return;
    }
    const first = this.points[0].from;
    const last = this.points.at(-1);
    const most = Math.max(...this.points.map((it) => it.rate));
    const x = (time) => (100 * (time - first) / (last.to - first)).toFixed(2);
    const y = (rate) => (38.5 - 36 * rate / Math.max(most, 1)).toFixed(2);
    const steps = this.points.map((it) => `V${y(it.rate)}H${x(it.to)}`).join('');
    const now = document.createElement('b');
    now.textContent = `${rates.format(last.rate)} / s`;
    const inside = (selector) => this.figure.querySelector(selector);
    inside('.line').setAttribute('d', `M0 ${y(this.points[0].rate)}${steps}`);
    inside('.area').setAttribute('d', `M0 40${steps}V40Z`);
    inside('output').replaceChildren(now, `, at most ${rates.format(most)}`);
    inside('svg').setAttribute('aria-label', inside('figcaption').textContent);
  }
}

function drawCurves(curves, before, facts) {
  for (const curve of curves) {
    const old = before && before.started === facts.started ? before.counted[curve.which] : 0;
    if (before && facts.now > before.now) {
      const grown = Math.max(0, facts.counted[curve.which] - old);
      curve.add(before.now, facts.now, 1000 * grown / (facts.now - before.now));
    }
    curve.draw();
  }
}

// ---- nodes ----

const rows = new Map(); // of the table, by name

const newRow = () => find('#node').content.firstElementChild.cloneNode(true);

function fillRow(row, {labels, name, port, since}, now) {
  const low = labels.get('lowest_version');
  const high = labels.get('highest_version');
  const when = new Date(1000 * since);
  const texts = [String(port), labels.get('type'), low === high ? low : `${low} to ${high}`,
    labels.get('peer'), `${day(when)} ${clock(when).slice(0, 5)}`, duration(now / 1000 - since)];
  setText(row.cells[0].firstChild, printable(name));
  texts.forEach((text, i) => setText(row.cells[i + 1], text));
}

function drawNodes({nodes, nNodes, now}) {
  const body = find('#nodes tbody');
  const gone = new Set(rows.keys());
  let at = body.firstChild;
  for (const node of nodes) {
    const row = rows.get(node.name) ?? newRow();
    rows.set(node.name, row);
    gone.delete(node.name);
    fillRow(row, node, now);
    if (row === at) {
      at = at.nextSibling;
    } else {
      body.insertBefore(row, at);
    }
  }
  for (const name of gone) {
    rows.get(name).remove();
    rows.delete(name);
  }
  find('#nodes').hidden = nodes.length === 0;
  setText(find('#unlisted'), unlisted(nNodes, nodes.length));
}

function unlisted(nNodes, nShown) {
  if (nNodes === 0) {
    return 'No node is registered.';
  }
  if (nShown === 0) {
    return 'Names are not shown here: either epmd runs with -metrics_no_names, or -allow_names ' +
      'does not name the address that you ask from.';
  }
  return nNodes > nShown ? `And ${numbers.format(nNodes - nShown)} more, which registered later.`
    : '';
}

// ---- what was served and refused ----

/** The rows that have happened, and behind a fold those that have not. */
function drawRows(section, lines, rising = new Set()) {
  const [shown, folded] = section.querySelectorAll('tbody');
  const details = section.querySelector('details');
  const fill = (body, some) => {
    while (body.rows.length > some.length) {
      body.deleteRow(-1);
    }
    some.forEach(({key, text, n}, i) => {
      const row = body.rows[i] ?? body.insertRow();
      const [words, number] = row.cells.length ? row.cells : [row.insertCell(), row.insertCell()];
      number.className = 'number';
      row.className = rising.has(key) ? 'rising' : '';
      setText(words, text);
      setText(number, numbers.format(n));
    });
  };
  const zero = lines.filter((it) => it.n === 0);
  const some = lines.filter((it) => it.n > 0);
  fill(shown, some.length > 0 ? some : [{text: 'nothing yet', n: 0}]);
  fill(folded, zero);
  details.hidden = zero.length === 0;
  setText(details.querySelector('summary'), `${zero.length} more that have not happened`);
}

function drawServed({metrics, requests}) {
  const lines = [...requests].map(([key, n]) => ({key, n, text: REQUESTS[key] ?? key}));
  lines.push(
    {n: value(metrics, 'epmd_unregistrations_total'), text: 'nodes that left'},
    {n: value(metrics, 'epmd_connections_accepted_total'), text: 'connections accepted'});
  drawRows(find('#served'), lines);
}

function drawRefused({metrics, refusals}, grown) {
  const lines = [...refusals].map(([key, n]) => ({key, n, text: reasonText(key)}));
  lines.sort((a, b) => b.n - a.n);
  lines.push(
    {n: value(metrics, 'epmd_connections_expired_total'),
      text: 'connections that did not finish in time'},
    {n: value(metrics, 'epmd_connections_evicted_total'),
      text: 'unfinished connections closed to make room'});
  drawRows(find('#refused'), lines, new Set(grown.keys()));
}

// ---- the page ----

const curves = ['lookups', 'registrations', 'refusals'].map((which) => new Curve(which));
const opened = Date.now();
let recent = []; // what was told in the last minute, oldest first
let answered = 0; // when epmd did so last

function drawHead({metrics, started, now}) {
  const host = printable(label(metrics, 'epmd_host_info', 'host'));
  setText(find('#host'), host);
  document.title = `epmd on ${host}`;
  setText(find('#facts'), `Port ${label(metrics, 'epmd_host_info', 'port')}, up for ` +
    `${duration(now / 1000 - started)}, version ${label(metrics, 'epmd_build_info', 'version')}`);
  setText(find('#counted'), `${day(1000 * started)} ${clock(1000 * started)}`);
  setText(find('#opened'), `at ${clock(opened)}`);
}

function draw(facts) {
  const before = recent.at(-1);
  recent = [...recent.filter((it) => it.now >= facts.now - RECENT_MS - PERIOD_MS), facts];
  const grown = recently(recent);
  drawHead(facts);
  drawProblems(facts, grown);
  drawTiles(facts);
  drawCurves(curves, before, facts);
  drawNodes(facts);
  drawServed(facts);
  drawRefused(facts, grown);
}

function drawState(error) {
  document.body.className = error ? 'silent' : 'answers';
  if (!error) {
    setText(find('#state-text'), `as of ${clock(answered)}`);
    return;
  }
  setText(find('#state-text'), answered ? `epmd has not answered since ${clock(answered)} (${error})`
    : `epmd does not answer (${error})`);
}

async function refresh() {
  try {
    const reply = await fetch('/metrics', {signal: AbortSignal.timeout(PATIENCE_MS)});
    const text = await reply.text();
    if (!reply.ok) {
      throw new Error(text.trim() || reply.statusText);
    }
    answered = Date.now();
    // Times are the host's, whose clock may differ from the browser's.
    draw(understand(parse(text), Date.parse(reply.headers.get('Date')) || answered));
    drawState();
  } catch (error) {
    drawState(error.message);
  }
}

/** A page in the background asks nothing. */
async function run() {
  if (!document.hidden) {
    await refresh();
  }
  setTimeout(run, PERIOD_MS);
}

document.addEventListener('visibilitychange', () => document.hidden || refresh());
find('#page').hidden = false;
run();
