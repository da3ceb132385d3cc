/* SPDX-License-Identifier: Apache-2.0 */
/* Where the C library looks users and hosts up. */
#ifndef EPMD_SYSTEM_NAME_SERVICE_H
#define EPMD_SYSTEM_NAME_SERVICE_H

/* To be called before any user or host is looked up. A statically linked program then
 * asks the files in /etc and the DNS only: for anything else that nsswitch.conf(5) names it
 * would load modules of another C library, and crash in them. All others do as that
 * file says. */
void name_service_confine(void);

#endif
