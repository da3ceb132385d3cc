/* SPDX-License-Identifier: Apache-2.0 */
/* -names -hosts: the nodes of many hosts. */
#include "client/names_hosts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "client/directory.h"
#include "client/names_json.h"
#include "client/names_table.h"
#include "client/output.h"
#include "client/summary.h"
#include "client/survey.h"
#include "client/target.h"

static bool has_answered(const struct survey_host *host)
{
    return host->status == 0;
}

/* ---- for people ---- */

static void measure(const struct survey *survey, uint16_t port, struct names_table *table)
{
    for (size_t i = 0; i < survey->n; i++) {
        const struct survey_host *host = &survey->hosts[i];
        char name[HOSTS_TEXT_SIZE];
        hosts_format(host->entry, port, name);
        for (size_t j = 0; j < host->list.n; j++) {
            names_table_measure(table, name, &host->list.nodes[j]);
        }
        if (!has_answered(host)) {
            names_table_measure(table, name, NULL);
        }
    }
}

static void print_nodes(const struct survey *survey, uint16_t port, const struct names_table *table)
{
    for (size_t i = 0; i < survey->n; i++) {
        const struct survey_host *host = &survey->hosts[i];
        char name[HOSTS_TEXT_SIZE];
        hosts_format(host->entry, port, name);
        for (size_t j = 0; j < host->list.n; j++) {
            names_table_print_node(table, name, &host->list.nodes[j], stdout);
        }
    }
}

static void print_failures(const struct survey *survey, uint16_t port,
                           const struct names_table *table)
{
    for (size_t i = 0; i < survey->n; i++) {
        const struct survey_host *host = &survey->hosts[i];
        char name[HOSTS_TEXT_SIZE], reason[SURVEY_REASON_SIZE];
        if (!has_answered(host)) {
            hosts_format(host->entry, port, name);
            survey_format_reason(host, reason);
            names_table_print_failure(table, name, reason, stdout);
        }
    }
}

/* Says of which nodes no more is known, where more was asked. */
static void report_lookups(const struct survey *survey)
{
    size_t n_unknown = 0;
    for (size_t i = 0; i < survey->n; i++) {
        const struct survey_host *host = &survey->hosts[i];
        n_unknown += host->lookups_status < 0 ? host->list.n - host->n_looked_up : 0;
    }
    if (n_unknown > 0) {
        fprintf(stderr,
                "epmd: of %zu nodes only name and port are known: their hosts answer too slowly\n",
                n_unknown);
    }
}

static void print_table(const struct survey *survey, const struct options *options)
{
    struct names_table table;
    char text[SUMMARY_SIZE];
    const struct summary summary = {.n_hosts = survey->n,
                                    .n_answered = survey->n_answered,
                                    .n_nodes = survey->n_nodes,
                                    .n_at_once = survey->n_at_once,
                                    .n_descriptors = survey->n_descriptors};
    names_table_init(&table, true, options->in_columns);
    measure(survey, options->port, &table);
    names_table_print_titles(&table, stdout);
    print_nodes(survey, options->port, &table);
    print_failures(survey, options->port, &table);
    summary_format(&summary, text);
    printf("epmd: %s\n", text);
}

/* ---- for programs ---- */

static struct names_json_host json_host(const struct survey_host *host)
{
    return (struct names_json_host){.name = host->entry->name, .epmd_port = host->entry->port};
}

static int print_json_nodes(const struct survey *survey)
{
    int status = 0;
    size_t n = 0;
    fputs("  \"nodes\": [", stdout);
    for (size_t i = 0; i < survey->n; i++) {
        const struct survey_host *host = &survey->hosts[i];
        const struct names_json_host named = json_host(host);
        for (size_t j = 0; status == 0 && j < host->list.n; j++, n++) {
            status = names_json_print_node(&named, &host->list.nodes[j], n == 0, stdout);
        }
    }
    fputs(n > 0 ? "\n  ],\n" : "],\n", stdout);
    return status;
}

static int print_json_failures(const struct survey *survey)
{
    int status = 0;
    size_t n = 0;
    fputs("  \"failures\": [", stdout);
    for (size_t i = 0; status == 0 && i < survey->n; i++) {
        const struct survey_host *host = &survey->hosts[i];
        char address[SURVEY_ADDRESS_SIZE];
        if (!has_answered(host)) {
            const struct names_json_failure failure = {
                .host = json_host(host),
                .address = survey_format_address(host, address) ? address : NULL,
                .cause = target_error_cause(host->status),
                .reason = survey_reason(host)};
            status = names_json_print_failure(&failure, n++ == 0, stdout);
        }
    }
    fputs(n > 0 ? "\n  ]\n" : "]\n", stdout);
    return status;
}

static int print_json(const struct survey *survey)
{
    printf("{\n  \"hosts\": %zu,\n  \"answered\": %zu,\n", survey->n, survey->n_answered);
    int status = print_json_nodes(survey);
    if (status == 0) {
        status = print_json_failures(survey);
    }
    fputs("}\n", stdout);
    return status;
}

/* ---- the command ---- */

static int print(const struct survey *survey, const struct options *options)
{
    int status = 0;
    if (options->json) {
        status = print_json(survey);
    } else {
        print_table(survey, options);
    }
    report_lookups(survey);
    return status;
}

static int exit_status(const struct survey *survey)
{
    return survey->n_answered == survey->n ? EXIT_SUCCESS
           : survey->n_answered > 0        ? EXIT_FAILURE
                                           : NAMES_HOSTS_NONE;
}

int names_hosts_run(const struct options *options)
{
    struct hosts hosts;
    struct survey survey;
    if (directory_read(options->hosts, options->port, &hosts) < 0) {
        return NAMES_HOSTS_NONE;
    }
    int status = survey_run(&survey, &hosts, options->in_columns || options->json, 0);
    if (status == 0) {
        status = print(&survey, options);
    }
    if (status < 0) {
        fputs("epmd: out of memory\n", stderr);
    }
    int code = status < 0 ? EXIT_FAILURE : exit_status(&survey);
    survey_deinit(&survey);
    hosts_deinit(&hosts);
    return output_finish() < 0 ? EXIT_FAILURE : code;
}
