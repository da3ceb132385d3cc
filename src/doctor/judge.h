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

/* The steps that are about the target: host, lookup, name, node, handshake. */
void judge_there(const struct facts *facts, struct findings *findings);

/* One step each, for these two. */
void judge_exposure(const struct facts *facts, struct findings *findings);
void judge_name(const struct facts *facts, struct findings *findings);
void judge_node(const struct facts *facts, struct findings *findings);
void judge_handshake(const struct facts *facts, struct findings *findings);

/* Adds which other epmd of this host knows the target's name, and the cure, where one does.
 * Returns whether there is one. */
bool judge_other_port(const struct facts *facts, struct findings *findings);

#endif
