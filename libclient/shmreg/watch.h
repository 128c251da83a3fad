/* SPDX-License-Identifier: MIT */
#ifndef SHMREG_WATCH_H
#define SHMREG_WATCH_H

/*
 * shmreg/watch.h - a descriptor that becomes readable when something happens to an object
 *
 *	shmreg_watch_open(&queue->handle, SHMREG_WAIT_ITEMS, &w);
 *	... poll, epoll, libev, GLib, io_uring: when shmreg_watch_fd(w) is readable ...
 *	while (shmreg_watch_ready(w) > 0)
 *		while (shmreg_queue_pop(queue, &elem) == 0)
 *			work(&elem);
 *
 * Readable	means: ask shmreg_watch_ready(). It is so from the beginning, until ready()
 *		has returned 0 or an error. Only from that moment on is the next event
 *		waited for: a loop that is told of edges (EPOLLET) calls ready() until it does not
 *		return more than 0. What is taken in between is taken with the ordinary calls
 *		of the object, as much or as little as one likes.
 *
 * Callers	A watch belongs to its handle: both are used by one thread at a time. Watches
 *		of different handles may be used by different threads at once. The descriptor
 *		may be polled by any thread. A signal handler may use none of this; pushing and
 *		popping in one rings others' watches, as everywhere.
 *
 * Progress	No call but open() and close() waits for the daemon or another process, and
 *		close() does not either. Who makes an event happen never waits: not for a
 *		daemon that is stopped, nor for a watcher that is, nor for a bell that is full.
 *		The first that a process makes happen after a watch has begun or ended is told
 *		by the daemon, which if it is stopped does so when it goes on. A process that
 *		cannot have the connection for that (no descriptor, or its uid's quota is used
 *		up) tells nobody: its event is found with the next one, or a death.
 *
 * Ordering	What was done before an event is visible to whoever finds it after ready() has
 *		said so, as the object's own calls have it.
 *
 * Crashes	A process that dies between making an event happen and telling of it: the
 *		daemon tells, when it has noticed. A watcher that dies leaves nothing behind that
 *		others notice. When the daemon dies all descriptors become readable; ready() asks
 *		its successor to go on, without waiting for it: if its socket is kept (systemd,
 *		shmregctl run) nothing is lost.
 *
 * Trust	A peer who may write to the object can make the descriptor readable for nothing,
 *		or withhold events; as it can with the object itself. It can block nobody. Before
 *		Linux 6.16 it can make this process keep a descriptor until it ends, 16 at most.
 *
 * Waiting	Never, but for open(). read-only may: all of it; then each event that happens
 *		to the object costs those who make it happen a system call, watched or not, for
 *		as long as the participant is there.
 *
 * Units	Events are SHMREG_WAIT_ITEMS and SHMREG_WAIT_SPACE. Which kind has which:
 *			queue, ring, records	both: an element to take; room for one
 *			topic			both: a message; no subscriber holds publishers up
 *			pool			SPACE: a free object
 *			cell, atomic		ITEMS: another value than ready() spoke of last; of
 *						an atomic one hears with shmreg_atomic_notify_...()
 *		Of a ring of records room means: for the record that was refused last.
 *		Who needs several at once learns of one, and takes what is there.
 *
 * Cost		Who does not watch pays nothing, and whom nobody watches one plain load an
 *		operation. A watch: three descriptors here, one for each process that makes events
 *		happen to it (256 in all at most), a subscription of the uid's quota; one connection a
 *		process for all watches. ready() that finds something: no system call. ready()
 *		that returns 0: four. An event while a watch waits: a handful of system calls,
 *		one of them for each bell; an event while none does: none (but those that a process
 *		makes happen before the daemon has answered it for the first time). However many events
 *		happen before the watcher comes to look, it is woken once.
 *
 * fork: calls say -ECHILD in the child, and close() closes the child's copies.
 *
 * The descriptor is close-on-exec. Nothing is to be read from it, nor written; it is an epoll
 * descriptor, so it can be waited for by whatever waits for those.
 *
 *	libev	ev_io_init(&io, callback, shmreg_watch_fd(w), EV_READ), see examples/events.c
 *	GLib	g_unix_fd_add(shmreg_watch_fd(w), G_IO_IN, callback, data)
 *	asyncio	loop.add_reader(fd, callback)
 *	io_uring	io_uring_prep_poll_add(sqe, shmreg_watch_fd(w), POLLIN)
 */

#include <shmreg/abi/eventcount.h>
#include <shmreg/handle.h>

SHMREG_BEGIN_DECLS

struct shmreg_watch;

/*
 * shmreg_watch_open() - watch an object
 * @handle:	of any kind: &queue->handle, &topic->handle, ...; what is ready for it, not
 *		for others: a subscriber's handle has its own messages. When it is closed, the
 *		watch is of no more use than to be closed as well.
 * @events:	SHMREG_WAIT_ITEMS, SHMREG_WAIT_SPACE or both, which the object's kind has
 *
 * Return: 0; with a sentence:
 *	-EINVAL		the kind has no such events
 *	-ESTALE		the object was removed, or the daemon does not know it any more
 *	-EDQUOT		this uid's subscriptions or connections are used up
 *	-EMFILE, -ENFILE	this process or the daemon, or the machine, has no descriptor left
 *	-ENOSPC		this user's epoll sets have all they may (fs.epoll.max_user_watches)
 *	-ENOMEM, -ECHILD, and as every control call
 */
SHMREG_API SHMREG_CHECK int shmreg_watch_open(const struct shmreg_handle *handle, uint32_t events,
					      struct shmreg_watch **ret);

/* shmreg_watch_fd() - Return: the descriptor; -ECHILD. */
SHMREG_API int shmreg_watch_fd(const struct shmreg_watch *w);

/*
 * shmreg_watch_ready() - is there something? If not, wait for it from now on
 *
 * Return: the events that are there, of those that are watched; 0 none, and the descriptor
 * is not readable before there is one; or, and then it is not readable either,
 *	-ESTALE		the object was removed and nothing is left in it, or the daemon does
 *			not know it any more: close the watch
 *	-ENOTRECOVERABLE	its segment was quarantined: close the watch
 *	-EHOSTDOWN	no daemon is there, nor anything that would start one. To call again later
 *			tries again.
 *	-EBADMSG	peers have sent descriptors into its bell, again and again, which Linux
 *			refuses from 6.16 on: close the watch
 *	-EDQUOT, -EMFILE, ...	the daemon is another one, and the watch cannot be had
 *			from it; to call again later tries again
 *	-ECHILD		forked child, or the handle was closed
 */
SHMREG_API SHMREG_CHECK int shmreg_watch_ready(struct shmreg_watch *w);

/* shmreg_watch_close() - stop watching; NULL is fine. Return: NULL. */
SHMREG_API struct shmreg_watch *shmreg_watch_close(struct shmreg_watch *w);

SHMREG_END_DECLS

#endif /* SHMREG_WATCH_H */
