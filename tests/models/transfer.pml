/* SPDX-License-Identifier: MIT */
/*
 * transfer.pml - a pool's objects travel through a queue, and the queue is removed
 *
 * What is new beside queue.pml and removal.pml: two words change hands together, the
 * queue's slot and the object's owner word, and anybody may be killed in between. The
 * claim of a slot is one step here, with its owner's name in the word, and it may be any
 * slot that is free or ready: that claims are attributed is queue.pml's business, and
 * who needs no order does not need first in, first out. The same for handles and
 * epochs: has[] is what removal.pml proves that the daemon knows of them.
 *
 * Two workers acquire, send, receive and release, K steps each. Both may be killed, MAXDIE
 * in all; so may the reaper, RDIE times, and is started again. A worker has a seat
 * in the queue and one in the pool, and the reaper may see one of them dead before the
 * other. REMOVE: the daemon removes the queue, and when nobody has it any more and a
 * reaper that began after that is done, the next queue has the same index.
 *
 * Checked: the words of sender and receiver are what they expect; what was sent
 * was received once, or a death cost it (DROP), or the queue was removed; in the end each
 * object is free, or sent and in exactly the slot that it names; nobody waits for ever.
 *
 * BUG=1 the slot is READY before the object is SENT	BUG=2 the slot is freed before the object is HELD
 * BUG=3 a dead sender's slot is TOMB whatever it did	BUG=4 it is READY whatever he did
 * BUG=5 drop forgets the object			BUG=6 drop frees the slot first
 * BUG=7 the index is used again without a sweep	BUG=8 a job that began too early counts
 * BUG=9 the sweep does not wait until nobody has the queue
 * BUG=10 what the dead sent is freed with what they hold
 */
#ifndef K
#define K 2
#endif
#ifndef MAXDIE
#define MAXDIE 1
#endif
#ifndef RDIE
#define RDIE 1
#endif
#ifndef REDELIVER
#define REDELIVER 0
#endif
#ifndef REMOVE
#define REMOVE 0
#endif
#ifndef BUG
#define BUG 0
#endif

#define NOBJ 2
#define CAP 2

/* slot words: state and owner */
#define FREE 0
#define WRITING 1
#define READY 2
#define READING 3
#define REDEL 4
#define SW(s, o) ((s) * 4 + (o))
#define STATE(w) ((w) / 4)
#define OWN(w) ((w) % 4)
/* owner words: 0 is free */
#define HELD(s) (10 + (s))
#define SENT(i) (20 + (i))
#define IS_SENT(w) ((w) >= 20)

byte slot[CAP], pay[CAP];	/* the payload is an object + 1 */
byte own[NOBJ];
bool killed[3], dead_q[3], dead_p[3], done_q[3], done_p[3], has[3], fin[3];
bool removed, second;		/* of the queue's entry: the next one has it */
bool swept, over;
byte n_died, n_sent, n_received, n_dropped, n_swept;

#define STEP(body) if :: atomic { body } \
	:: atomic { n_died < MAXDIE -> n_died++; killed[me] = 1; goto end } fi

proctype Worker(byte me)
{
	byte n, o, s;

	do
	:: atomic { n < K && !has[me] && !removed -> has[me] = 1 }
	:: n < K && has[me] ->
		/* acquire: an object and a slot, if there are any */
		if
		:: true ->
			STEP(if
			:: own[0] == 0 -> own[0] = HELD(me); o = 1
			:: own[1] == 0 -> own[1] = HELD(me); o = 2
			:: else -> o = 0 fi);
			n++;
			if
			:: o == 0 -> goto next
			:: else
			fi;
			STEP(if
				:: slot[0] == FREE -> slot[0] = SW(WRITING, me); s = 0
				:: slot[1] == FREE -> slot[1] = SW(WRITING, me); s = 1
				:: else -> s = 9 fi);
			if
			:: s == 9 -> STEP(own[o - 1] = 0); goto next
			:: else
			fi;
			STEP(pay[s] = o);
#if BUG == 1
			STEP(slot[s] = SW(READY, 0));
			STEP(assert(own[o - 1] == HELD(me)); own[o - 1] = SENT(s); n_sent++);
#else
			STEP(assert(own[o - 1] == HELD(me)); own[o - 1] = SENT(s); n_sent++);
			STEP(assert(slot[s] == SW(WRITING, me)); slot[s] = SW(READY, 0));
#endif
		:: true ->
			STEP(if
			:: STATE(slot[0]) == READY || STATE(slot[0]) == REDEL -> slot[0] = SW(READING, me); s = 0
			:: STATE(slot[1]) == READY || STATE(slot[1]) == REDEL -> slot[1] = SW(READING, me); s = 1
			:: else -> s = 9 fi);
			n++;
			if
			:: s == 9 -> goto next
			:: else
			fi;
			o = pay[s];
			assert(o != 0);
#if BUG == 2
			STEP(slot[s] = FREE);
			STEP(assert(own[o - 1] == SENT(s)); own[o - 1] = HELD(me); n_received++);
#else
			STEP(assert(own[o - 1] == SENT(s)); own[o - 1] = HELD(me); n_received++);
			STEP(assert(slot[s] == SW(READING, me)); slot[s] = FREE);
#endif
			STEP(assert(own[o - 1] == HELD(me)); own[o - 1] = 0)
		fi;
next:		o = 0; s = 0
	:: has[me] && removed -> has[me] = 0
	:: n == K || (removed && !has[me]) -> break
	od;
	atomic { has[me] = 0; fin[me] = 1 };
end:	n = 0; o = 0; s = 0
}

#define USES(p) (has[p] && !(killed[p] && done_q[p]))
#define QUIESCED (removed && !USES(1) && !USES(2))
#define RSTEP(body) if :: atomic { body } \
	:: atomic { n_failed < RDIE -> n_failed++; goto again } fi
#define DEAD_Q(x) ((x) != 0 && ((x) == 1 && noted_q1 || (x) == 2 && noted_q2))

/* The daemon, and the reaper that it starts and waits for. */
proctype Registry()
{
	byte n_failed, i, w, o;
	bool noted_q1, noted_q2, noted_p1, noted_p2, quiesced, pool_first;

	do
	/* a death becomes known, one seat after the other */
	:: killed[1] && !dead_q[1] -> dead_q[1] = 1
	:: killed[1] && !dead_p[1] -> dead_p[1] = 1
	:: killed[2] && !dead_q[2] -> dead_q[2] = 1
	:: killed[2] && !dead_p[2] -> dead_p[2] = 1
	:: REMOVE && !removed && !second -> removed = 1
	:: atomic { removed && QUIESCED && (swept || BUG == 7) ->
		/* the range is punched, and the next queue has it and the index */
		slot[0] = FREE; slot[1] = FREE; pay[0] = 0; pay[1] = 0;
		removed = 0; swept = 0; second = 1 }
	:: (dead_q[1] && !done_q[1]) || (dead_p[1] && !done_p[1]) ||
	   (dead_q[2] && !done_q[2]) || (dead_p[2] && !done_p[2]) ||
	   (removed && !swept && (QUIESCED || BUG == 8 || BUG == 9)) ->
again:		atomic {
			i = 0; w = 0; o = 0;
			noted_q1 = dead_q[1] && !done_q[1]; noted_p1 = dead_p[1] && !done_p[1];
			noted_q2 = dead_q[2] && !done_q[2]; noted_p2 = dead_p[2] && !done_p[2];
			quiesced = QUIESCED || (BUG == 9 && removed)
		};
		if :: pool_first = 1; goto pool :: pool_first = 0 fi;
queue:		i = 0;
		do
		:: i < CAP ->
			w = slot[i];
			if
			:: DEAD_Q(OWN(w)) && STATE(w) == WRITING ->
				o = pay[i];
#if BUG == 3
				RSTEP(if :: slot[i] == w -> slot[i] = FREE :: else fi)
#elif BUG == 4
				RSTEP(if :: slot[i] == w -> slot[i] = SW(READY, 0) :: else fi)
#else
				/* a tombstone is passed, and free, at once */
				w = (o != 0 && own[o - 1] == SENT(i) -> SW(READY, 0) : FREE);
				RSTEP(if :: STATE(slot[i]) == WRITING && DEAD_Q(OWN(slot[i])) -> slot[i] = w :: else fi)
#endif
			:: DEAD_Q(OWN(w)) && STATE(w) == READING ->
				o = pay[i];
#if REDELIVER
				w = (o != 0 && own[o - 1] == SENT(i) -> SW(REDEL, 0) : FREE);
				RSTEP(if :: STATE(slot[i]) == READING && DEAD_Q(OWN(slot[i])) -> slot[i] = w :: else fi)
#else
#if BUG == 6
				RSTEP(slot[i] = FREE);
#endif
#if BUG != 5
				RSTEP(if :: own[o - 1] == SENT(i) -> own[o - 1] = 0; n_dropped++ :: else fi);
#endif
				RSTEP(if :: slot[i] == w -> slot[i] = FREE :: else fi)
#endif
			:: else
			fi;
			i++
		:: else -> break
		od;
		if :: pool_first -> goto sweep :: else fi;
pool:		i = 0;
		do
		:: i < NOBJ ->
			RSTEP(if
				:: (noted_p1 && own[i] == HELD(1)) || (noted_p2 && own[i] == HELD(2)) -> own[i] = 0
				:: else
				fi);
#if BUG == 10
			RSTEP(if :: (noted_p1 || noted_p2) && IS_SENT(own[i]) -> own[i] = 0 :: else fi);
#endif
			i++
		:: else -> break
		od;
		if :: pool_first -> goto queue :: else fi;
sweep:		i = 0;
		do
		:: i < NOBJ && quiesced ->
			RSTEP(if :: IS_SENT(own[i]) -> own[i] = 0; n_swept++ :: else fi);
			i++
		:: else -> break
		od;
		atomic {
			done_q[1] = done_q[1] || noted_q1; done_p[1] = done_p[1] || noted_p1;
			done_q[2] = done_q[2] || noted_q2; done_p[2] = done_p[2] || noted_p2;
			swept = quiesced || (BUG == 8 && removed);
			noted_q1 = 0; noted_q2 = 0; noted_p1 = 0; noted_p2 = 0; quiesced = 0;
			i = 0; w = 0; o = 0; pool_first = 0
		}
	:: atomic { (fin[1] || (done_q[1] && done_p[1])) && (fin[2] || (done_q[2] && done_p[2])) &&
		    !removed && (!REMOVE || second) -> over = 1; break }
	od;
	assert(!IS_SENT(own[0]) || pay[own[0] - 20] == 1 && slot[own[0] - 20] != FREE);
	assert(!IS_SENT(own[1]) || pay[own[1] - 20] == 2 && slot[own[1] - 20] != FREE);
	assert(own[0] == 0 || IS_SENT(own[0]));
	assert(own[1] == 0 || IS_SENT(own[1]));
	assert(slot[0] == FREE || (STATE(slot[0]) == READY || STATE(slot[0]) == REDEL) && own[pay[0] - 1] == SENT(0));
	assert(slot[1] == FREE || (STATE(slot[1]) == READY || STATE(slot[1]) == REDEL) && own[pay[1] - 1] == SENT(1));
	assert(n_sent == n_received + n_dropped + n_swept + IS_SENT(own[0]) + IS_SENT(own[1]));
	assert(!REDELIVER || n_dropped == 0)
}

init { atomic { run Worker(1); run Worker(2); run Registry() } }
