/* SPDX-License-Identifier: MIT */
#ifndef TEST_OWN_UID_H
#define TEST_OWN_UID_H

/*
 * own-uid.h - a daemon that has a uid of its own, as the system's instance does
 *
 * Its programs are copied to where that uid can execute them; the build tree may lie
 * where it cannot. For tests that run as root.
 */

#include "harness.h"

#define OWN_UID 20099

/* A harness_start(); own_uid_stop() undoes it. @uid 0: as the test. */
void own_uid_start(struct harness *h, uid_t uid, const char *const *options);
void own_uid_stop(struct harness *h);

#endif /* TEST_OWN_UID_H */
