/* SPDX-License-Identifier: MIT */
#ifndef SHMREG_REAPER_SANDBOX_H
#define SHMREG_REAPER_SANDBOX_H

/*
 * reaper-sandbox.h - what is left to the reaper before it looks at what clients wrote
 *
 * Everything it maps may have been written by a hostile client, so it gives up
 * beforehand what a repair does not need: after reaper_sandbox_enter() it can
 * receive, map (never executable), wake sleepers, send and exit. Any other
 * system call kills it, and so does running for longer than any repair takes.
 * In particular it can open nothing, start nothing and write to no descriptor but
 * by send(2).
 */

/*
 * reaper_sandbox_enter() - give it all up, for good
 * @ret_what:	on failure, what could not be given up; static storage
 *
 * Return: 0 or -errno; the caller must then exit.
 */
int reaper_sandbox_enter(const char **ret_what);

#endif /* SHMREG_REAPER_SANDBOX_H */
