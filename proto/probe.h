/* SPDX-License-Identifier: MIT */
#ifndef SHMREG_PROBE_H
#define SHMREG_PROBE_H

/*
 * probe.h - places at which tracers can look (USDT), see shmreg-probes(7)
 *
 * A probe is one instruction that does nothing, and a note in the file that says where it is and
 * where its arguments are. They stand where a system call or a packet is near, never on
 * the way of those who find what they came for. What their names and arguments are is a promise.
 *
 * HAVE_USDT is set for what is installed. Without <sys/sdt.h> they are nothing: arguments are without effects.
 */

#ifdef HAVE_USDT
# include <sys/sdt.h>
# define PROBE1(name, a) DTRACE_PROBE1(shmreg, name, a)
# define PROBE4(name, a, b, c, d) DTRACE_PROBE4(shmreg, name, a, b, c, d)
# define PROBE5(name, a, b, c, d, e) DTRACE_PROBE5(shmreg, name, a, b, c, d, e)
#else
# define PROBE1(name, a) ((void)(a))
# define PROBE4(name, a, b, c, d) ((void)(a), (void)(b), (void)(c), (void)(d))
# define PROBE5(name, a, b, c, d, e) ((void)(a), (void)(b), (void)(c), (void)(d), (void)(e))
#endif

#endif /* SHMREG_PROBE_H */
