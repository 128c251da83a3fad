/* SPDX-License-Identifier: MIT */
/*
 * queue-batch.pml - claims of several positions, leader published and freed last
 *
 * Producer 1 pushes B1 batches of two, all or nothing, producer 2 pushes K2 single
 * elements; consumer 3 takes up to two at once, consumer 4 single ones, to the end.
 * 1, 2 and 3 may be killed before each store, the reaper as well: it is started
 * again from the beginning. With NR=2 a second one works beside it, and stays
 * dead if it is killed. REDELIVER: else what a dead consumer had is dropped.
 *
 * Checked: as in queue.pml, and a batch becomes visible whole or not at all.
 *
 * BUG=1 a batch is published leader first	BUG=2 it is freed leader first
 * BUG=3 the reaper does not raise redel	BUG=4 who records ignores n
 * BUG=5 the reaper gives back the leader first
 */
#ifndef B1
#define B1 1
#endif
#ifndef K2
#define K2 2
#endif
#ifndef NR
#define NR 1
#endif
#ifndef MAXDIE
#define MAXDIE 1
#endif
#ifndef REDELIVER
#define REDELIVER 1
#endif
#ifndef BUG
#define BUG 0
#endif
#ifndef CAP
#define CAP 2
#endif

#define NPOS (2 * B1 + K2 + 1)
#define FREE 0
#define WRITING 1
#define READY 2
#define READING 3
#define TOMB 4
#define REDEL 5
#define SW(p, n, o, s) ((p) * 256 + (n) * 64 + (o) * 8 + (s))	/* a slot word */
#define POS(w) ((w) / 256)
#define NN(w) (((w) / 64) % 4)
#define OWN(w) (((w) / 8) % 8)
#define STATE(w) ((w) % 8)
#define CW(p, n, o) ((p) * 32 + (n) * 8 + (o))			/* a counter */
#define CPOS(c) ((c) / 32)
#define CN(c) (((c) / 8) % 4)
#define COWN(c) ((c) % 8)

short slot[CAP];
byte pay[CAP], tail, head, redel;
bool dead[8], fin[8];
byte repaired[8], n_died, reapers_done;

/* What happened at each position; not part of the algorithm. */
byte g_owner[NPOS], g_pub[NPOS], g_taken[NPOS], g_last[3];
byte g_leader[NPOS];	/* of its batch, plus 1 */

#define CAS(a, old, new) if :: a == old -> a = new :: else fi
#define PRIVATE(body) atomic { body }
#define SHARED(body) if :: atomic { body } \
	:: atomic { may_die && n_died < MAXDIE -> n_died++; dead[me] = 1; goto out } fi
#define SETTLED(p) (fin[p] || (dead[p] && repaired[p] > 0))
#if CAP == 4
#define NO_REDEL (STATE(slot[0]) != REDEL && STATE(slot[1]) != REDEL && \
	STATE(slot[2]) != REDEL && STATE(slot[3]) != REDEL)
#else
#define NO_REDEL (STATE(slot[0]) != REDEL && STATE(slot[1]) != REDEL)
#endif

proctype Producer(byte me; byte nb; byte bs; bool may_die)
{
	byte c, t, j, m, X, lp, k;
	short w;

	do
	:: nb > 0 ->
again:		PRIVATE(c = tail; t = CPOS(c));
		m = 0;
		do
		:: m < bs ->
			PRIVATE(w = slot[(t + m) % CAP]);
			if :: w == SW(t + m, 0, 0, FREE) -> m++ :: else -> break fi
		:: else -> break
		od;
		if
		:: m < bs ->	/* all or nothing: wait for room */
			if
			:: POS(w) < t + m -> (slot[(t + m) % CAP] != w || tail != c)
			:: else
			fi;
			goto again
		:: else
		fi;
		X = COWN(c);
		if
		:: X != 0 && X != me ->
#if BUG == 4
			lp = t - 1;
#else
			lp = t - CN(c);
#endif
			PRIVATE(w = slot[lp % CAP]);
			if
			:: w == SW(lp, 0, 0, FREE) ->
				SHARED(CAS(slot[lp % CAP], w, SW(lp, CN(c), X, WRITING)))
			:: else
			fi
		:: else
		fi;
		w = 0; lp = 0; X = 0;
		SHARED(if
			:: tail == c ->
				tail = CW(t + m, m, me); w = 1; j = 0;
				do
				:: j < m -> g_owner[t + j] = me; g_leader[t + j] = t + 1; j++
				:: else -> break
				od;
				j = 0
			:: else -> w = 0 fi);
		if :: w == 0 -> goto again :: else w = 0 fi;
		j = 0;
		do :: j < m -> SHARED(pay[(t + j) % CAP] = me * 8 + k + j); j++ :: else -> break od;
#if BUG == 1
		j = 0;
		do
		:: j < m ->
			SHARED(slot[(t + j) % CAP] = SW(t + j, 0, 0, READY); g_pub[t + j] = me * 8 + k + j);
			j++
		:: else -> break
		od;
#else
		j = m;
		do
		:: j > 0 ->
			SHARED(slot[(t + j - 1) % CAP] = SW(t + j - 1, 0, 0, READY);
			       g_pub[t + j - 1] = me * 8 + k + j - 1);
			j--
		:: else -> break
		od;
#endif
		k = k + m; nb--; j = 0; c = 0; t = 0; m = 0
	:: else -> break
	od;
	fin[me] = 1;
out:	c = 0; t = 0; j = 0; m = 0; X = 0; lp = 0; k = 0; w = 0; nb = 0
}

proctype Consumer(byte me; byte bs; bool may_die)
{
	byte c, h, j, m, X, lp, v, seen, i;
	short w;

again:	do
	::	if
		:: redel != seen ->
			seen = redel; i = 0;
			do
			:: i < CAP ->
				PRIVATE(w = slot[i]);
				if
				:: STATE(w) == REDEL ->
					SHARED(if
						:: slot[i] == w ->
							slot[i] = SW(POS(w), 1, me, READING); m = 1;
							assert(g_taken[POS(w)] == 0); g_taken[POS(w)] = 1
						:: else fi);
					if
					:: m == 1 ->
						m = 0;
						PRIVATE(assert(pay[i] == g_pub[POS(w)]));
						SHARED(assert(g_taken[POS(w)] == 1);
						       slot[i] = SW(POS(w) + CAP, 0, 0, FREE);
						       g_taken[POS(w)] = 2)
					:: else
					fi
				:: else
				fi;
				i++
			:: else -> break
			od;
			i = 0; w = 0
		:: else
		fi;
		PRIVATE(c = head; h = CPOS(c); w = slot[h % CAP]);
		m = 0;
		if
		:: w == SW(h, 0, 0, TOMB) -> m = 1
		:: w == SW(h, 0, 0, READY) ->
			m = 1;
			do
			:: m < bs ->
				PRIVATE(w = slot[(h + m) % CAP]);
				if :: w == SW(h + m, 0, 0, READY) -> m++ :: else -> break fi
			:: else -> break
			od;
			w = SW(h, 0, 0, READY)
		:: POS(w) < h || (POS(w) == h && (STATE(w) == FREE || STATE(w) == WRITING)) ->
			if	/* empty: until something moves, or all is over */
			:: atomic { slot[h % CAP] != w || head != c || redel != seen } -> goto again
			:: atomic { SETTLED(1) && SETTLED(2) && CPOS(head) == CPOS(tail) && NO_REDEL &&
				    (me == 3 || SETTLED(3)) && redel == seen } -> break
			fi
		:: else -> goto again
		fi;
		X = COWN(c);
		if
		:: X != 0 && X != me ->
			lp = h - CN(c);
			PRIVATE(v = STATE(slot[lp % CAP]);
				if :: POS(slot[lp % CAP]) != lp -> v = 7 :: else fi);
			if
			:: v == READY -> SHARED(CAS(slot[lp % CAP], SW(lp, 0, 0, READY), SW(lp, CN(c), X, READING)))
			:: v == TOMB -> SHARED(CAS(slot[lp % CAP], SW(lp, 0, 0, TOMB), SW(lp + CAP, 0, 0, FREE)))
			:: else
			fi
		:: else
		fi;
		X = 0; lp = 0; v = 0;
		SHARED(if
			:: head == c ->
				head = CW(h + m, m, me); X = 1; j = 0;
				do
				:: j < m && STATE(w) == READY ->
					assert(g_pub[h + j] != 0 && g_taken[h + j] == 0);
					assert(g_last[g_pub[h + j] / 8] < g_pub[h + j]);
					g_last[g_pub[h + j] / 8] = g_pub[h + j];
					g_taken[h + j] = 1;
					assert(g_pub[g_leader[h + j] - 1] != 0);	/* whole */
					j++
				:: else -> break
				od;
				if :: STATE(w) == TOMB -> g_taken[h] = 2 :: else fi;
				j = 0
			:: else fi);
		if :: X == 0 -> goto again :: else X = 0 fi;
		if
		:: STATE(w) == TOMB -> SHARED(CAS(slot[h % CAP], w, SW(h + CAP, 0, 0, FREE)))
		:: else ->
			j = 0;
			do :: j < m -> PRIVATE(assert(pay[(h + j) % CAP] == g_pub[h + j])); j++ :: else -> break od;
#if BUG == 2
			j = 0;
			do
			:: j < m ->
				SHARED(assert(g_taken[h + j] == 1);
				       slot[(h + j) % CAP] = SW(h + j + CAP, 0, 0, FREE); g_taken[h + j] = 2);
				j++
			:: else -> break
			od
#else
			j = m;
			do
			:: j > 0 ->
				SHARED(assert(g_taken[h + j - 1] == 1);
				       slot[(h + j - 1) % CAP] = SW(h + j - 1 + CAP, 0, 0, FREE);
				       g_taken[h + j - 1] = 2);
				j--
			:: else -> break
			od
#endif
		fi;
		c = 0; h = 0; j = 0; m = 0; w = 0
	od;
	fin[me] = 1;
out:	c = 0; h = 0; j = 0; m = 0; X = 0; lp = 0; v = 0; seen = 0; i = 0; w = 0
}

#undef SHARED
#define SHARED(body) if :: atomic { body } :: atomic { n_died < MAXDIE -> n_died++; goto died } fi

/* A batch that was not published: none of it happened. Leader last. */
inline kill(lp, n)
{
	j = n - 1;
	do
	:: j > 0 ->
		PRIVATE(w = slot[(lp + j) % CAP]);
		if
		:: w == SW(lp + j, 0, 0, FREE) || w == SW(lp + j, 0, 0, READY) ->
			SHARED(if
				:: slot[(lp + j) % CAP] == w ->
					slot[(lp + j) % CAP] = SW(lp + j, 0, 0, TOMB); g_pub[lp + j] = 0
				:: else fi)
		:: else
		fi;
		j--
	:: else -> break
	od;
	SHARED(CAS(slot[lp % CAP], SW(lp, 0, 0, FREE), SW(lp, 0, 0, TOMB)));
	SHARED(CAS(slot[lp % CAP], SW(lp, n, D, WRITING), SW(lp, 0, 0, TOMB)))
}

/* A batch that was taken: what is not freed is given back or dropped. Leader last. */
inline reap(lp, n)
{
#if BUG == 5
	j = 1;
	do
	:: j <= n ->
#else
	j = n;
	do
	:: j > 0 ->
#endif
		SHARED(if
			:: slot[(lp + j - 1) % CAP] == SW(lp + j - 1, 0, 0, READY) ||
			   (j == 1 && slot[lp % CAP] == SW(lp, n, D, READING)) ->
				if
				:: REDELIVER ->
					slot[(lp + j - 1) % CAP] = SW(lp + j - 1, 0, 0, REDEL);
					assert(g_taken[lp + j - 1] == 1); g_taken[lp + j - 1] = 0
				:: !REDELIVER ->
					slot[(lp + j - 1) % CAP] = SW(lp + j - 1 + CAP, 0, 0, FREE);
					g_taken[lp + j - 1] = 3
				fi
			:: else ->
				if :: j == 1 -> CAS(slot[lp % CAP], SW(lp, 0, 0, TOMB), SW(lp + CAP, 0, 0, FREE))
				   :: else fi
			fi);
#if BUG == 5
		j++
#else
		j--
#endif
	:: else -> break
	od
}

#define DONE(p) (fin[p] || (dead[p] && did[p]))
proctype Reaper(byte number)
{
	byte D, c, i, j, p, n;
	short w;
	bool did[5];

again:	do
	:: atomic { dead[1] && !did[1] -> D = 1 } -> goto repair
	:: atomic { dead[2] && !did[2] -> D = 2 } -> goto repair
	:: atomic { dead[3] && !did[3] -> D = 3 };
repair:		PRIVATE(c = tail);
		if
		:: COWN(c) == D ->
			p = CPOS(c) - CN(c); n = CN(c);
			PRIVATE(w = slot[p % CAP]);
			if :: w == SW(p, 0, 0, FREE) -> kill(p, n) :: else fi
		:: else
		fi;
		PRIVATE(c = head);
		if
		:: COWN(c) == D ->
			p = CPOS(c) - CN(c); n = CN(c);
			PRIVATE(w = slot[p % CAP]);
			if :: w == SW(p, 0, 0, READY) || w == SW(p, 0, 0, TOMB) -> reap(p, n) :: else fi
		:: else
		fi;
		i = 0;
		do
		:: i < CAP ->
			PRIVATE(w = slot[i]);
			if
			:: OWN(w) == D && STATE(w) == WRITING -> p = POS(w); n = NN(w); kill(p, n)
			:: OWN(w) == D && STATE(w) == READING -> p = POS(w); n = NN(w); reap(p, n)
			:: else
			fi;
			i++
		:: else -> break
		od;
#if BUG != 3
		SHARED(if :: !NO_REDEL -> redel++ :: else fi);
#endif
		atomic { did[D] = 1; repaired[D]++; D = 0; c = 0; i = 0; j = 0; p = 0; n = 0; w = 0 }
	:: atomic { DONE(1) && DONE(2) && DONE(3) && fin[4] } -> goto out
	od;
died:	atomic { D = 0; c = 0; i = 0; j = 0; p = 0; n = 0; w = 0; did[1] = 0; did[2] = 0; did[3] = 0 };
	if :: number == 0 -> goto again :: else fi;
out:	atomic { reapers_done++; did[1] = 0; did[2] = 0; did[3] = 0 }
}

init {
	byte p;

	atomic {
		do :: p < CAP -> slot[p] = SW(p, 0, 0, FREE); p++ :: else -> break od;
		run Producer(1, B1, 2, 1);
		run Producer(2, K2, 1, 1);
		run Consumer(3, 2, 1);
		run Consumer(4, 1, 0);
		p = 0;
		do :: p < NR -> run Reaper(p); p++ :: else -> break od;
		p = 0
	};
	(reapers_done == NR);
	atomic {
		do
		:: p < CPOS(tail) ->
			if
			:: g_pub[p] != 0 -> assert(g_taken[p] == 2 || (!REDELIVER && g_taken[p] == 3))
			:: else -> assert(dead[g_owner[p]])
			fi;
			p++
		:: else -> break
		od;
		assert(CPOS(head) == CPOS(tail));
		p = CPOS(head);
		assert(slot[p % CAP] == SW(p, 0, 0, FREE));
		assert(slot[(p + 1) % CAP] == SW(p + 1, 0, 0, FREE))
	}
}
