/* SPDX-License-Identifier: Apache-2.0 */
/* Findings, for programs. */
#include <errno.h>
#include <jansson.h>

#include "doctor/findings.h"

static const char *const words[] = {
    [FINDINGS_OK] = "ok",
    [FINDINGS_WARNING] = "warning",
    [FINDINGS_FAILED] = "failed",
    [FINDINGS_SKIPPED] = "skipped",
};

static json_t *step_to_json(const struct finding *finding)
{
    return json_pack("{s:s, s:s, s:s?, s:s?, s:s?}", "step", finding->step, "status",
                     words[finding->status], "cause", finding->cause, "found", finding->found,
                     "cure", finding->cure);
}

int findings_print_json_hosts(const struct findings *findings, const struct findings_totals *totals,
                              FILE *out)
{
    json_t *list = json_array();
    int status = list ? 0 : -ENOMEM;
    bool ok = true;
    for (size_t i = 0; status == 0 && i < findings->n; i++) {
        const struct finding *finding = &findings->list[i];
        json_t *each = json_pack("{s:s, s:s, s:s?, s:s?, s:s?}", "host", finding->step, "status",
                                 words[finding->status], "cause", finding->cause, "found",
                                 finding->found, "cure", finding->cure);
        status = each && json_array_append_new(list, each) == 0 ? 0 : -ENOMEM;
        ok &= finding->status == FINDINGS_OK;
    }
    json_t *all = json_pack("{s:s, s:I, s:I, s:I, s:b, s:b, s:o}", "epmd", EPMD_VERSION, "hosts",
                            (json_int_t)totals->n_hosts, "answered", (json_int_t)totals->n_answered,
                            "nodes", (json_int_t)totals->n_nodes, "ok", ok, "complete",
                            totals->is_whole, "findings", list);
    bool dumped = all && (json_dumpf(all, out, JSON_INDENT(2)) == 0 || ferror(out) != 0);
    json_decref(all);
    fputc('\n', out);
    return dumped ? status : -ENOMEM;
}

int findings_print_json(const struct findings *findings, FILE *out)
{
    const struct finding *failure = findings_failure(findings);
    json_t *steps = json_array();
    int status = steps ? 0 : -ENOMEM;
    for (size_t i = 0; status == 0 && i < findings->n; i++) {
        json_t *step = step_to_json(&findings->list[i]);
        status = step && json_array_append_new(steps, step) == 0 ? 0 : -ENOMEM;
    }
    json_t *all =
        json_pack("{s:s, s:s, s:b, s:s?, s:o}", "epmd", EPMD_VERSION, "target", findings->target,
                  "ok", failure == NULL, "cause", failure ? failure->cause : NULL, "steps", steps);
    bool dumped = all && (json_dumpf(all, out, JSON_INDENT(2)) == 0 || ferror(out) != 0);
    if (!dumped) {
        status = -ENOMEM;
    }
    json_decref(all);
    fputc('\n', out);
    return status;
}
