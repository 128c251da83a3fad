/* SPDX-License-Identifier: MIT */
#ifndef SHMREGD_RIGHTS_H
#define SHMREGD_RIGHTS_H

/*
 * rights.h - sockets over which others must not give us descriptors
 *
 * That none is received (msg_control is NULL) is not enough: then it is closed, by whoever
 * takes the packet out of the queue or closes the socket, and if nobody else has it open,
 * that may take as long as its owner likes. A TCP socket with SO_LINGER waits for the other
 * end to read. So the daemon must never be the one who closes it.
 *
 * Since Linux 6.16 a socket can say that it takes none (SO_PASSRIGHTS): sendmsg() fails
 * then, with EPERM. Before that a packet is looked at first, and a socket that may hold
 * descriptors is left to a child, which ends at once: sockets that are closed by the end of
 * a process do not linger.
 */

#include <stdbool.h>

/* Call for a listener before it listens: those that are accepted inherit it. */
void rights_refuse(int fd);
/*
 * rights_taken() - may descriptors lie in the socket's queue?
 *
 * Also of one whose kernel can refuse them: who connected before rights_refuse(), to a listener that
 * somebody else made, has a socket that takes them.
 */
bool rights_taken(int fd);
/*
 * rights_look() - of a socket that takes descriptors: may the next packet be received?
 *
 * Return: 0; 1 it has descriptors with it: the socket is good for rights_close() only;
 * -EAGAIN, -errno there is none, and one that arrives now has not been looked at.
 */
int rights_look(int fd);
void rights_close(int fd);

#endif /* SHMREGD_RIGHTS_H */
