/* SPDX-License-Identifier: MIT */
#ifndef SHMREG_SNAPSHOT_SANDBOX_H
#define SHMREG_SNAPSHOT_SANDBOX_H

/*
 * snapshot-sandbox.h - what shmreg-snapshot gives up before it looks at a segment
 *
 * It reads what clients wrote. What is left: files, memory, and its socket to the daemon; no
 * other programs, processes or sockets.
 *
 * Return: 0; -errno, *ret_what is what could not be given up: it does not run then.
 */
int snapshot_sandbox_enter(const char **ret_what);

#endif /* SHMREG_SNAPSHOT_SANDBOX_H */
