/* SPDX-License-Identifier: MIT */
#ifndef BENCH_PLANE_DAEMON_H
#define BENCH_PLANE_DAEMON_H

/*
 * plane-daemon.h - a daemon of a worker's own
 *
 * The program that the benchmark runs under, with its arguments and higher limits, and without a
 * service manager: nobody stores descriptors, whose time is not the daemon's.
 */

/*
 * Sets $SHMREG_SOCKET to it. Fails by ending the process.
 *
 * @n_files: descriptors that a process may have, at least
 *
 * Return: 0; -EMFILE: more than may be (see 'ulimit -Hn'); -EACCES: the daemon is another
 * user's, so that its program cannot be told.
 */
int plane_daemon_start(unsigned int n_files);
void plane_daemon_stop(void);

#endif /* BENCH_PLANE_DAEMON_H */
