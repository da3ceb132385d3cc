/* SPDX-License-Identifier: Apache-2.0 */
/* -check -hosts: the doctor sees a whole cluster. */
#include "doctor/check_hosts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/directory.h"
#include "client/output.h"
#include "client/summary.h"
#include "doctor/cluster.h"

#define STEP_COLUMNS_MIN 9
#define STEP_COLUMNS_MAX 40
#define NO_HOST_ANSWERS 2 /* the exit status */

/* The text of each host. Returns NULL without memory. */
static char **new_steps(const struct hosts *hosts, uint16_t port)
{
    char **steps = calloc(hosts->n + 1, sizeof *steps);
    for (size_t i = 0; steps && i < hosts->n; i++) {
        char text[HOSTS_TEXT_SIZE];
        hosts_format(&hosts->list[i], port, text);
        steps[i] = strdup(text);
        if (!steps[i]) {
            break;
        }
    }
    return steps;
}

static bool has_all(char *const *steps, size_t n)
{
    return steps && (n == 0 || steps[n - 1]);
}

static void free_steps(char **steps)
{
    for (size_t i = 0; steps && steps[i]; i++) {
        free(steps[i]);
    }
    free(steps);
}

static unsigned widest(char *const *steps)
{
    size_t columns = STEP_COLUMNS_MIN;
    for (; *steps; steps++) {
        size_t len = strlen(*steps);
        columns = len > columns ? len : columns;
    }
    return (unsigned)(columns < STEP_COLUMNS_MAX ? columns : STEP_COLUMNS_MAX);
}

static size_t count_well(const struct findings *findings)
{
    size_t n = 0;
    for (size_t i = 0; i < findings->n; i++) {
        n += findings->list[i].status == FINDINGS_OK;
    }
    return n;
}

static bool is_all_well(const struct findings *findings)
{
    return count_well(findings) == findings->n;
}

/* The last line: what was asked, and what came of it. */
static void write_end(const struct cluster *cluster, const struct findings *findings, char *text,
                      size_t size)
{
    char asked[SUMMARY_SIZE], well[SUMMARY_NUMBER_SIZE];
    const struct survey *survey = &cluster->survey;
    const struct summary summary = {.n_hosts = survey->n,
                                    .n_answered = survey->n_answered,
                                    .n_nodes = survey->n_nodes,
                                    .n_at_once = survey->n_at_once,
                                    .n_descriptors = survey->n_descriptors};
    size_t n_well = count_well(findings);
    summary_format(&summary, asked);
    summary_format_number(n_well, well);
    bool all = is_all_well(findings);
    snprintf(text, size, "%s; %s%s%s", asked, all ? "all is well" : well,
             all           ? ""
             : n_well == 1 ? " host is well"
                           : " hosts are well",
             cluster->is_whole ? "" : "; the time was up before all was tried");
}

static int print(const struct cluster *cluster, struct findings *findings, bool json)
{
    char end[SUMMARY_SIZE + 128];
    if (json) {
        const struct findings_totals totals = {.n_hosts = cluster->survey.n,
                                               .n_answered = cluster->survey.n_answered,
                                               .n_nodes = cluster->survey.n_nodes,
                                               .is_whole = cluster->is_whole};
        return findings_print_json_hosts(findings, &totals, stdout);
    }
    write_end(cluster, findings, end, sizeof end);
    findings->end = end;
    findings_print(findings, stdout, output_wants_colours(STDOUT_FILENO),
                   output_columns(STDOUT_FILENO));
    findings->end = NULL;
    return 0;
}

static int exit_status(const struct cluster *cluster, const struct findings *findings)
{
    return cluster->survey.n_answered == 0 ? NO_HOST_ANSWERS
           : is_all_well(findings)         ? EXIT_SUCCESS
                                           : EXIT_FAILURE;
}

/* Returns the exit status, or -ENOMEM. */
static int check(const struct hosts *hosts, const struct options *options)
{
    struct cluster cluster = {0};
    struct findings findings = {0};
    char **steps = new_steps(hosts, options->port);
    int status = has_all(steps, hosts->n) ? cluster_gather(&cluster, hosts) : -ENOMEM;
    if (status == 0) {
        findings.step_columns = widest(steps);
        cluster_judge(&cluster, (const char *const *)steps, &findings);
        status = findings.has_lost ? -ENOMEM : print(&cluster, &findings, options->json);
    }
    if (status == 0) {
        status = exit_status(&cluster, &findings);
    }
    findings_deinit(&findings);
    cluster_deinit(&cluster);
    free_steps(steps);
    return status;
}

int check_hosts_run(const struct options *options)
{
    struct hosts hosts;
    if (directory_read(options->hosts, options->port, &hosts) < 0) {
        return NO_HOST_ANSWERS;
    }
    int status = check(&hosts, options);
    hosts_deinit(&hosts);
    if (status < 0) {
        fputs("epmd: out of memory\n", stderr);
        return EXIT_FAILURE;
    }
    return output_finish() < 0 ? EXIT_FAILURE : status;
}
