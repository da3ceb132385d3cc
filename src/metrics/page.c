/* SPDX-License-Identifier: Apache-2.0 */
/* An overview as people read it. */
#include "metrics/page.h"

#include <inttypes.h>

#include "core/session.h"

/* On a narrow screen the table of nodes becomes a list: name and port, and below them
 * the rest. */
static const char style[] =
    ":root{color-scheme:light dark;--ink:#1d2329;--dim:#5d6873;--line:#dfe3e8;--back:#f6f7f9;"
    "--card:#fff;--accent:#a90533}"
    "@media(prefers-color-scheme:dark){:root{--ink:#e4e8ec;--dim:#98a3ae;--line:#333b44;"
    "--back:#15191e;--card:#1d232a;--accent:#ff7a98}}"
    "*{box-sizing:border-box}"
    "body{margin:0;background:var(--back);color:var(--ink);"
    "font:16px/1.45 system-ui,-apple-system,'Segoe UI',Roboto,sans-serif}"
    "main{max-width:62rem;margin:0 auto;padding:1.5rem 1rem 3rem}"
    "h1{margin:0;font-size:1.5rem;overflow-wrap:anywhere}"
    "h1 b{color:var(--accent)}"
    "h2{margin:2rem 0 .6rem;font-size:1.05rem}"
    "p{margin:.2rem 0;color:var(--dim)}"
    "a{color:inherit}"
    ".tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(9rem,1fr));gap:.7rem;"
    "margin:1.3rem 0 0}"
    ".tiles div,table{background:var(--card);border:1px solid var(--line);border-radius:.6rem}"
    ".tiles div{padding:.7rem .9rem}"
    "dd{margin:0;font-size:1.5rem;font-variant-numeric:tabular-nums;line-height:1.25}"
    "dt,.note,th{color:var(--dim);font-size:.85rem;font-weight:400}"
    "table{width:100%;border-collapse:separate;border-spacing:0;overflow:hidden}"
    "th,td{padding:.45rem .9rem;text-align:left}"
    ".pair td::first-letter{text-transform:uppercase}"
    "tbody tr+tr>*,thead+tbody tr>*{border-top:1px solid var(--line)}"
    ".n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}"
    "tbody th{color:var(--ink);font-size:1rem;font-weight:600;overflow-wrap:anywhere}"
    ".pair{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,20rem),1fr));"
    "gap:0 1.2rem;align-items:start}"
    "footer{margin-top:2rem}"
    "@media(max-width:52rem){"
    ".tiles{grid-template-columns:1fr 1fr}"
    ".tiles div:last-child:nth-child(odd){grid-column:1/-1}"
    ".nodes thead{display:none}"
    ".nodes tr{display:flex;flex-wrap:wrap;gap:0 .8rem;padding:.55rem .9rem}"
    ".nodes tr+tr{border-top:1px solid var(--line)}"
    ".nodes tbody tr>*{padding:0;border:0;color:var(--dim);font-size:.85rem}"
    ".nodes tbody th{flex:1 1 65%;color:var(--ink);font-size:1rem}"
    ".nodes tbody .port{flex:0 0 auto;color:var(--ink);font-size:1rem}"
    ".nodes td{overflow-wrap:anywhere}"
    ".nodes td[data-l=creation]{order:1}"
    ".nodes td[data-l]::before{content:attr(data-l) ' '}}";

/* ---- text ---- */

static void write_escaped(FILE *out, const char *text)
{
    for (; *text; text++) {
        switch (*text) {
        case '&':
            fputs("&amp;", out);
            break;
        case '<':
            fputs("&lt;", out);
            break;
        case '>':
            fputs("&gt;", out);
            break;
        case '"':
            fputs("&quot;", out);
            break;
        case '\'':
            fputs("&#39;", out);
            break;
        default:
            putc(*text, out);
        }
    }
}

/* In <bdi>, so that a name which is written from right to left turns nothing else round. */
static void write_name(FILE *out, const struct registry_node *node)
{
    char text[NAME_TEXT_SIZE];
    name_format(node->info.name, node->info.name_len, text, sizeof text);
    fputs("<bdi>", out);
    write_escaped(out, text);
    fputs("</bdi>", out);
}

static void write_duration(FILE *out, int64_t ms)
{
    int64_t s = ms < 0 ? 0 : ms / 1000;
    if (s < 60) {
        fprintf(out, "%" PRId64 " s", s);
    } else if (s < 3600) {
        fprintf(out, "%" PRId64 " min", s / 60);
    } else if (s < 86400) {
        fprintf(out, "%" PRId64 " h %" PRId64 " min", s / 3600, s / 60 % 60);
    } else {
        fprintf(out, "%" PRId64 " d %" PRId64 " h", s / 86400, s / 3600 % 24);
    }
}

static const char *type_text(uint8_t type, char text[4])
{
    const char *word = protocol_type_name(type);
    snprintf(text, 4, "%u", type);
    return word ? word : text;
}

/* ---- tiles ---- */

static void write_tile(FILE *out, const char *title, uint64_t value, const char *note)
{
    fprintf(out, "<div><dt>%s</dt><dd>%" PRIu64 "</dd><dd class=note>%s</dd></div>\n", title, value,
            note);
}

static uint64_t sum_refusals(const struct counters *counters)
{
    uint64_t sum = 0;
    for (int refusal = REFUSAL_NONE + 1; refusal < REFUSAL_COUNT; refusal++) {
        sum += counters->refusals[refusal];
    }
    return sum;
}

static void write_watcher(FILE *out, const struct overview *overview)
{
    if (overview->daemon->watcher == INVENTORY_NOBODY) {
        fputs("<div><dt>Watcher</dt><dd>none</dd><dd class=note>a restart loses all "
              "nodes</dd></div>\n",
              out);
        return;
    }
    fprintf(out,
            "<div><dt>Watcher</dt><dd>%s</dd><dd class=note>holds %u of %zu nodes</dd></div>\n",
            inventory_watcher_name(overview->daemon->watcher), overview->daemon->n_stored,
            overview->registry->n_live);
}

static void write_tiles(FILE *out, const struct overview *overview)
{
    const struct counters *counters = overview->counters;
    char note[64];

    fputs("<dl class=tiles>\n", out);
    snprintf(note, sizeof note, "at most %zu", overview->registry->max_live);
    write_tile(out, "Nodes", overview->registry->n_live, note);
    snprintf(note, sizeof note, "%" PRIu64 " found no node", counters->misses);
    write_tile(out, "Lookups", counters->requests[PROTOCOL_PORT2_REQ], note);
    snprintf(note, sizeof note, "at most %zu", overview->max_connections);
    write_tile(out, "Connections", overview->n_connections, note);
    write_tile(out, "Refused", sum_refusals(counters), "requests and peers");
    write_watcher(out, overview);
    fputs("</dl>\n", out);
}

/* ---- nodes ---- */

static void write_peer(FILE *out, const struct registry_node *node)
{
    const struct session *session = node->owner;
    char address[ADDRESS_TEXT_SIZE];
    if (session) {
        address_format(&session->peer.address, address);
        fputs(address, out);
    }
}

static void write_node(FILE *out, const struct registry_node *node, int64_t now_ms)
{
    char type[4];
    fputs("<tr><th scope=row>", out);
    write_name(out, node);
    fprintf(out,
            "<td class='n port'>%u<td>%s<td data-l=creation class=n>%" PRIu32 "<td data-l=from>",
            node->info.port, type_text(node->info.type, type), node->creation);
    write_peer(out, node);
    fputs("<td data-l=for class=n>", out);
    write_duration(out, now_ms - node->since_ms);
    fputs("</tr>\n", out);
}

static void write_table(FILE *out, const struct overview *overview, size_t n)
{
    fputs("<table class=nodes><thead><tr><th>Name<th class=n>Port<th>Type<th class=n>Creation"
          "<th>From<th class=n>For</thead><tbody>\n",
          out);
    const struct registry_node *node = overview->registry->live;
    for (size_t left = n; left > 0; left--, node = node->next) {
        write_node(out, node, overview->now_ms);
    }
    fputs("</tbody></table>\n", out);
}

static void write_nodes(FILE *out, const struct overview *overview)
{
    size_t n_live = overview->registry->n_live, n_shown = overview_count_shown(overview);
    fputs("<h2>Nodes</h2>\n", out);
    if (n_shown > 0) {
        write_table(out, overview, n_shown);
    }
    if (n_live == 0) {
        fputs("<p>No node is registered.</p>\n", out);
    } else if (!overview->shows_names) {
        fputs("<p>Names are not listed for peers where you are (-allow_names).</p>\n", out);
    } else if (n_live > n_shown) {
        fprintf(out, "<p>And %zu more, which registered earlier.</p>\n", n_live - n_shown);
    }
}

/* ---- counters ---- */

static void write_row(FILE *out, const char *title, uint64_t value)
{
    fputs("<tr><td>", out);
    write_escaped(out, title);
    fprintf(out, "<td class=n>%" PRIu64 "</tr>\n", value);
}

static void write_served(FILE *out, const struct counters *counters)
{
    fputs("<section><h2>Served</h2>\n<table><tbody>\n", out);
    for (uint8_t tag = 0; tag < COUNTERS_TAGS; tag++) {
        const char *name = protocol_tag_name(tag);
        if (name) {
            write_row(out, name, counters->requests[tag]);
        }
    }
    write_row(out, "Nodes that left", counters->unregistrations);
    write_row(out, "Connections accepted", counters->connections);
    fputs("</tbody></table></section>\n", out);
}

static void write_refused(FILE *out, const struct counters *counters)
{
    fputs("<section><h2>Refused</h2>\n<table><tbody>\n", out);
    for (enum refusal refusal = REFUSAL_NONE + 1; refusal < REFUSAL_COUNT; refusal++) {
        if (counters->refusals[refusal] > 0) {
            write_row(out, refusal_text(refusal), counters->refusals[refusal]);
        }
    }
    write_row(out, "Connections that did not finish in time", counters->expired);
    write_row(out, "Unfinished connections closed to make room", counters->evicted);
    fputs("</tbody></table></section>\n", out);
}

/* ---- the page ---- */

static void write_head(FILE *out, const struct overview *overview)
{
    fputs("<!DOCTYPE html>\n<html lang=en><head><meta charset=utf-8>\n<title>epmd on ", out);
    write_escaped(out, overview->host);
    fputs("</title>\n<meta http-equiv=refresh content=5>\n"
          "<meta name=viewport content='width=device-width, initial-scale=1'>\n"
          "<link rel=icon href='data:,'>\n<style>",
          out);
    fputs(style, out);
    fputs("</style></head>\n<body><main>\n<h1><b>epmd</b> on ", out);
    write_escaped(out, overview->host);
    fprintf(out, "</h1>\n<p>Port %u, up for ", overview->daemon->port);
    write_duration(out,
                   overview->now_ms + overview->daemon->clock_ms - overview->daemon->started_ms);
    fprintf(out, ", version %s</p>\n", overview->daemon->version);
}

void page_write(FILE *out, const struct overview *overview)
{
    write_head(out, overview);
    write_tiles(out, overview);
    write_nodes(out, overview);
    fputs("<div class=pair>\n", out);
    write_served(out, overview->counters);
    write_refused(out, overview->counters);
    fputs("</div>\n<footer><p>Counted since this process started. For Prometheus: "
          "<a href=/metrics>/metrics</a></p></footer>\n</main></body></html>\n",
          out);
}
