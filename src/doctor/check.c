/* SPDX-License-Identifier: Apache-2.0 */
/* The doctor: facts are gathered, judged, printed. */
#include "doctor/check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/output.h"
#include "doctor/check_hosts.h"
#include "doctor/facts.h"
#include "doctor/findings.h"
#include "doctor/judge.h"
#include "system/clock.h"
#include "system/descriptors.h"

#define TARGET_TEXT_SIZE (NAME_TEXT_SIZE + 1 + 4 * FACTS_HOST_SIZE)

/* Splits NAME@HOST. Returns 0; or -EINVAL, and says on standard error what is wrong. */
static int read_target(const char *text, struct facts_target *out)
{
    const char *at = strchr(text, '@');
    size_t name_len = at ? (size_t)(at - text) : strlen(text);
    size_t host_len = at ? strlen(at + 1) : 0;
    out->has_name = name_len > 0 || !at;
    out->has_host = at;
    if (out->has_name) {
        enum refusal refusal = name_check((const uint8_t *)text, name_len);
        if (refusal != REFUSAL_NONE) {
            fprintf(stderr, "epmd: -check \"%s\": %s\n", text, refusal_text(refusal));
            return -EINVAL;
        }
        memcpy(out->name, text, name_len);
    }
    if (at && (host_len == 0 || host_len >= sizeof out->host)) {
        fprintf(stderr, "epmd: -check \"%s\": the host's name is %s\n", text,
                host_len ? "too long" : "empty");
        return -EINVAL;
    }
    if (at) {
        memcpy(out->host, at + 1, host_len);
    }
    return 0;
}

/* The port where nodes that are started from here look, unless they are told otherwise. */
static uint16_t read_variable(void)
{
    const char *text = getenv("ERL_EPMD_PORT");
    char *end = NULL;
    unsigned long port = text ? strtoul(text, &end, 10) : 0;
    return port <= UINT16_MAX && end && *end == '\0' ? (uint16_t)port : 0;
}

static int report_no_memory(void)
{
    fputs("epmd: out of memory\n", stderr);
    return -ENOMEM;
}

static int print_findings(const struct findings *findings, bool json)
{
    if (!json) {
        findings_print(findings, stdout, output_wants_colours(STDOUT_FILENO),
                       output_columns(STDOUT_FILENO));
    } else if (findings_print_json(findings, stdout) < 0) {
        return report_no_memory();
    }
    return findings->has_lost ? report_no_memory() : output_finish();
}

/* NAME@HOST, or the host alone, printable. */
static void format_target(const struct facts_target *target, char text[TARGET_TEXT_SIZE])
{
    size_t len = 0;
    if (target->has_name) {
        name_format((const uint8_t *)target->name, strlen(target->name), text, NAME_TEXT_SIZE);
        len = strlen(text);
        text[len++] = '@';
    }
    name_format((const uint8_t *)target->host, strlen(target->host), text + len,
                TARGET_TEXT_SIZE - len);
}

static int report(const struct facts *facts, bool json)
{
    struct findings findings = {0};
    char target[TARGET_TEXT_SIZE];
    format_target(&facts->target, target);
    findings.target = target;
    judge_here(facts, &findings);
    judge_there(facts, &findings);
    int status = print_findings(&findings, json);
    bool well = status == 0 && !findings_failure(&findings);
    findings_deinit(&findings);
    return well ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int check_one(const struct options *options)
{
    struct facts *facts = calloc(1, sizeof *facts);
    int status = EXIT_FAILURE;
    if (!facts) {
        perror("epmd");
        return status;
    }
    facts->port = options->port;
    facts->variable_port = read_variable();
    if (!options->check_target || read_target(options->check_target, &facts->target) == 0) {
        facts->deadline_ms = clock_now_ms() + FACTS_TIME_MS;
        facts->now_ms = clock_zero_ms() + clock_now_ms();
        facts->keeps_nothing = !descriptors_have_ids();
        facts_gather_here(facts);
        facts_gather_host(facts);
        facts_gather_lookups(facts);
        facts_gather_knocks(facts);
        facts_gather_nodes(facts);
        facts_gather_others(facts);
        status = report(facts, options->json);
    }
    facts_deinit(facts);
    free(facts);
    return status;
}

int check_run(const struct options *options)
{
    return options->hosts ? check_hosts_run(options) : check_one(options);
}
