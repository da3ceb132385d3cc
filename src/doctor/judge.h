/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the facts mean: each step of a check is judged, in words, with cause and cure.
 *
 * Facts in, findings out: nothing is asked here, so that each mistake can be judged
 * without making it. The causes are told in epmd(1), "CHECKING".
 */
#ifndef EPMD_DOCTOR_JUDGE_H
#define EPMD_DOCTOR_JUDGE_H

#include "doctor/facts.h"
#include "doctor/findings.h"

/* The steps that are about this host: port, epmd, exposed, restart, others. */
void judge_here(const struct facts *facts, struct findings *findings);

/* The steps that are about the target: host, lookup, and name, node, handshake; or, where no
 * name was given, a step for each node of this host. */
void judge_there(const struct facts *facts, struct findings *findings);

/* One step each, for these two. */
void judge_port(const struct facts *facts, struct findings *findings);
void judge_epmd(const struct facts *facts, struct findings *findings);
void judge_exposure(const struct facts *facts, struct findings *findings);
void judge_restart(const struct facts *facts, struct findings *findings);
void judge_name(const struct facts *facts, struct findings *findings);
void judge_node(const struct facts *facts, struct findings *findings);
void judge_handshake(const struct facts *facts, struct findings *findings);

/* A step for each node of this host. */
void judge_nodes(const struct facts *facts, struct findings *findings);

/* What several steps share. */

/* Judges what is wrong with this host's epmd: as a failure, or as a warning where the target is
 * elsewhere. */
void judge_fault(const struct facts *facts, struct findings *findings, const char *cause);

/* Says which process has a socket. */
void judge_say_holder(struct findings *findings, const struct facts_socket *socket);

/* Adds how to free a name that a connection holds which is no node's. */
void judge_cure_stale(const struct facts *facts, const char *name, struct findings *findings);

/* Adds that a unit has failed, and why; adds the command that shows more. */
void judge_say_unit(const struct unit *unit, struct findings *findings);
void judge_cure_unit(const struct unit *unit, struct findings *findings);

/* Adds which other epmd of this host knows the target's name, and the cure, where one does.
 * Returns whether there is one. */
bool judge_other_port(const struct facts *facts, struct findings *findings);

#endif
