/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What -check -hosts finds out of a cluster, and what that means.
 *
 * The epmds of all hosts are asked (client/survey), then every normal node is knocked at, then
 * the names are resolved that the nodes have for their hosts. Nodes of other types are left
 * alone: many C and Java nodes end when a connection fails.
 */
#ifndef EPMD_DOCTOR_CLUSTER_H
#define EPMD_DOCTOR_CLUSTER_H

#include <stdbool.h>
#include <stddef.h>

#include "client/survey.h"
#include "doctor/distribution.h"
#include "doctor/findings.h"

#define CLUSTER_TIME_MS 55000        /* for all of it */
#define CLUSTER_SURVEY_TIME_MS 40000 /* of these, for the epmds */
#define CLUSTER_KNOCKS_MAX 64        /* nodes that are knocked at at once */
#define CLUSTER_KNOCK_MS 2000        /* for each of them */
#define CLUSTER_HOST_SIZE 256        /* of the host in a node's own name; a longer one is cut */

/* Where the host of a node's own name leads to. */
enum cluster_place {
    CLUSTER_NOT_ASKED, /* or there was no time */
    CLUSTER_SAME,      /* to the address that the node was found at */
    CLUSTER_ELSEWHERE, /* to others only */
    CLUSTER_NOWHERE,   /* to none */
};

struct cluster;

/* A node, and how it has answered. */
struct cluster_node {
    const struct survey_host *host;
    const struct protocol_node *info; /* as registered */
    bool is_known;                    /* its type is: its epmd tells more than name and port */
    bool is_knocked;                  /* it has been connected to, or tried */
    bool connected;
    int status; /* of the connection, where `is_knocked`: 0, or a negative errno */
    struct distribution_answer answer;
    char own_host[CLUSTER_HOST_SIZE]; /* with an answer that has its name; else empty */
    enum cluster_place place;

    /* The gathering's. */
    struct cluster *cluster;
    size_t rank; /* among the nodes of the same name and port, which may be one node */
    struct flight_call call;
    struct resolver_question question;
};

struct cluster {
    struct survey survey;
    size_t n;
    struct cluster_node *nodes; /* in the order of their hosts and names */
    bool is_whole;              /* there was time for all */

    /* The gathering's. */
    struct flight flight;
    size_t n_done, n_to_do;
};

/* Finds out. Returns 0 or -ENOMEM; the cluster is to be freed in any case. */
int cluster_gather(struct cluster *cluster, const struct hosts *hosts);

/* Adds a line for each host that is well, then the findings of the others, then those of the
 * cluster. `steps` has for each host of the survey the text that is shown for it. */
void cluster_judge(const struct cluster *cluster, const char *const *steps,
                   struct findings *findings);

/* Frees what was gathered. */
void cluster_deinit(struct cluster *cluster);

#endif
