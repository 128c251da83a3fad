/* SPDX-License-Identifier: MIT */
/*
 * queue.pml - the bounded queue of shmreg/abi/queue.h: single elements, leases,
 * redelivery, seats that are used again, reapers that die
 *
 * Everybody may be killed before each of his stores to shared memory. (Between
 * two of them a kill makes no difference to anybody else.) A killed reaper is
 * started again from the beginning. Slot words hold positions here and laps in
 * C, which is the same, for a slot's index is implied.
 *
 * Checked: no element twice, none invented, payload intact, FIFO per producer
 * of what was not redelivered, nothing published lost unless the consumer that
 * had it died (DROP) or not at all (REDELIVER), every slot FREE for its lap at
 * the end, nobody waits for ever (invalid end states).
 *
 * NP producers of K elements, NC consumers, of which the first CDIE may die,
 * NR reapers at once, of which all but the first may stay dead, MAXDIE deaths.
 * RESERVE: producers lend slots out and may abort. ACQUIRE: so do consumers, and
 * REFUSE times in all they refuse. REUSE: seat 1 is used again after its repair.
 * STOP: producer 2 may be stopped for ever just before its claim.
 *
 * BUG=1 producers do not record		BUG=2 consumers do not record
 * BUG=3 a passed tombstone is freed by a store	BUG=4 the reaper reads slots before counters
 * BUG=5 a seat is used again before its repair	BUG=6 redel is raised before the slot is REDEL
 * BUG=7 the reaper does not raise redel
 */
#ifndef NP
#define NP 2
#endif
#ifndef K
#define K 2
#endif
#ifndef NC
#define NC 1
#endif
#ifndef CDIE
#define CDIE 0
#endif
#ifndef NR
#define NR 1
#endif
#ifndef MAXDIE
#define MAXDIE 1
#endif
#ifndef RESERVE
#define RESERVE 0
#endif
#ifndef ACQUIRE
#define ACQUIRE 0
#endif
#ifndef REFUSE
#define REFUSE 0
#endif
#ifndef REDELIVER
#define REDELIVER 0
#endif
#ifndef REUSE
#define REUSE 0
#endif
#ifndef STOP
#define STOP 0
#endif
#ifndef BUG
#define BUG 0
#endif

#define CAP 2
#define NPOS (NP * K + 1 + REUSE)
#define NWORK (NP + NC)
#define LAST NWORK		/* the consumer that stays to the end */

#define FREE 0
#define WRITING 1
#define READY 2
#define READING 3
#define TOMB 4
#define REDEL 5
#define SW(p, o, s) ((p) * 64 + (o) * 8 + (s))	/* a slot word */
#define POS(w) ((w) / 64)
#define OWN(w) (((w) / 8) % 8)
#define STATE(w) ((w) % 8)
#define CW(p, o) ((p) * 8 + (o))		/* a counter */
#define CPOS(c) ((c) / 8)
#define COWN(c) ((c) % 8)

short slot[CAP];
byte pay[CAP];
byte tail, head, redel;
bool dead[8], fin[8], stopped[8], reborn;
byte repaired[8];
byte n_died, n_refused, reapers_done;

/* What happened at each position; not part of the algorithm. */
byte g_owner[NPOS];	/* who claimed it */
byte g_pub[NPOS];	/* what was published, 0 = nothing */
byte g_taken[NPOS];	/* 0 no, 1 claimed, 2 done with */
byte g_taker[NPOS];
byte g_last[NP + 1];	/* the last element taken, by producer */
bool g_again[NPOS];	/* was redelivered */

#define CAS(a, old, new) if :: a == old -> a = new :: else fi
#define PRIVATE(body) atomic { body }
#define SETTLED(p) (fin[p] || stopped[p] || \
	(dead[p] && repaired[p] > 0 && (!REUSE || p != 1 || reborn)))
#define WORKDONE(p) (fin[p] || stopped[p] || dead[p])
#if NP == 2
#define PRODUCED (SETTLED(1) && SETTLED(2))
#else
#define PRODUCED SETTLED(1)
#endif
#if NC == 2
#define OTHERS_GONE (SETTLED(NP + 1))
#else
#define OTHERS_GONE true
#endif
#define NO_REDEL (STATE(slot[0]) != REDEL && STATE(slot[1]) != REDEL)

proctype Producer(byte me; byte k; byte kend)
{
	byte c, t, X;
	short w;
#define SHARED(body) if :: atomic { body } \
	:: atomic { n_died < MAXDIE -> n_died++; dead[me] = 1; goto out } fi

	do
	:: k < kend ->
again:		SHARED(c = tail; t = CPOS(c));
		PRIVATE(w = slot[t % CAP]);
		if
		:: w == SW(t, 0, FREE) -> skip
		:: w != SW(t, 0, FREE) && POS(w) < t ->	/* full: until something moves */
			(slot[t % CAP] != w || tail != c); goto again
		:: w != SW(t, 0, FREE) && POS(w) >= t -> goto again
		fi;
		X = COWN(c);
#if BUG != 1
		if
		:: X != 0 && X != me ->
			PRIVATE(w = slot[(t - 1) % CAP]);
			if
			:: w == SW(t - 1, 0, FREE) ->
				SHARED(CAS(slot[(t - 1) % CAP], w, SW(t - 1, X, WRITING)))
			:: else
			fi
		:: else
		fi;
#endif
		if :: skip :: atomic { STOP && me == 2 -> stopped[2] = 1; goto out } fi;
		X = 0;
		SHARED(if
			:: tail == c -> tail = CW(t + 1, me); g_owner[t] = me; w = 0
			:: else -> w = 1 fi);
		if :: w == 1 -> w = 0; goto again :: else fi;
#if RESERVE
		SHARED(slot[t % CAP] = SW(t, me, WRITING));
#endif
		SHARED(pay[t % CAP] = me * 8 + k);
		if
		:: SHARED(slot[t % CAP] = SW(t, 0, READY); g_pub[t] = me * 8 + k)
#if RESERVE
		:: SHARED(slot[t % CAP] = SW(t, 0, TOMB))
#endif
		fi;
		k++
	:: else -> break
	od;
	fin[me] = 1;
out:	c = 0; t = 0; k = 0; kend = 0; X = 0; w = 0
}

proctype Consumer(byte me; bool may_die)
{
	byte c, h, i, X, seen;
	short w, v;
#define SHARED_C(body) if :: atomic { body } \
	:: atomic { may_die && n_died < MAXDIE -> n_died++; dead[me] = 1; goto out } fi

again:	do
	::	if
		:: redel != seen ->
			seen = redel; i = 0;
			do
			:: i < CAP ->
				PRIVATE(w = slot[i]);
				if
				:: STATE(w) == REDEL ->
					SHARED_C(if
						:: slot[i] == w ->
							slot[i] = SW(POS(w), me, READING);
							h = POS(w); X = 1;
							assert(g_taken[h] == 0);
							g_taken[h] = 1; g_taker[h] = me
						:: else fi);
					if
					:: X == 1 ->
						X = 0; seen = 0; w = SW(h, 0, READY); i = 0;
						goto claimed
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
		SHARED_C(c = head; h = CPOS(c));
		PRIVATE(w = slot[h % CAP]);
		if
		:: w == SW(h, 0, READY) || w == SW(h, 0, TOMB) -> skip
		:: POS(w) < h || (POS(w) == h && (STATE(w) == FREE || STATE(w) == WRITING)) ->
			if	/* empty: until something moves, or all is over */
			:: atomic { slot[h % CAP] != w || head != c || redel != seen } -> goto again
			:: atomic { PRODUCED && CPOS(head) == CPOS(tail) && redel == seen &&
				    (me != LAST || (OTHERS_GONE && NO_REDEL)) } -> break
			fi
		:: else -> goto again
		fi;
		X = COWN(c);
#if BUG != 2
		if
		:: X != 0 && X != me ->
			PRIVATE(v = slot[(h - 1) % CAP]);
			if
			:: v == SW(h - 1, 0, READY) ->
				SHARED_C(CAS(slot[(h - 1) % CAP], v, SW(h - 1, X, READING)))
			:: v == SW(h - 1, 0, TOMB) ->
				SHARED_C(CAS(slot[(h - 1) % CAP], v, SW(h - 1 + CAP, 0, FREE)))
			:: else
			fi
		:: else
		fi;
#endif
		v = 0; X = 0;
		SHARED_C(if
			:: head == c ->
				head = CW(h + 1, me);
				assert(g_taken[h] == 0); g_taken[h] = 1; g_taker[h] = me;
				if
				:: STATE(w) == READY ->
					assert(g_pub[h] != 0);
					assert(g_last[g_pub[h] / 8] < g_pub[h]);
					g_last[g_pub[h] / 8] = g_pub[h]
				:: else -> assert(g_pub[h] == 0)
				fi
			:: else -> X = 1 fi);
		if :: X == 1 -> X = 0; goto again :: else fi;
		if
		:: STATE(w) == TOMB ->
#if BUG == 3
			SHARED_C(slot[h % CAP] = SW(h + CAP, 0, FREE); g_taken[h] = 2);
#else
			SHARED_C(CAS(slot[h % CAP], SW(h, 0, TOMB), SW(h + CAP, 0, FREE)); g_taken[h] = 2);
#endif
			goto again
		:: else
		fi;
#if ACQUIRE
		SHARED_C(slot[h % CAP] = SW(h, me, READING));
#endif
claimed:	SHARED_C(assert(pay[h % CAP] == g_pub[h]));
		if
		:: SHARED_C(slot[h % CAP] = SW(h + CAP, 0, FREE); g_taken[h] = 2)
#if REFUSE
		:: atomic { n_refused < REFUSE -> n_refused++ };
#if BUG == 6
			SHARED_C(redel++);
			SHARED_C(slot[h % CAP] = SW(h, 0, REDEL); g_taken[h] = 0; g_again[h] = 1)
#else
			SHARED_C(slot[h % CAP] = SW(h, 0, REDEL); g_taken[h] = 0; g_again[h] = 1);
			SHARED_C(redel++)
#endif
			/* and need not come back for it */
			if :: skip :: me != LAST -> break fi
#endif
		fi
	od;
	fin[me] = 1;
out:	c = 0; h = 0; i = 0; X = 0; seen = 0; w = 0; v = 0
}

#define SHARED_R(body) if :: atomic { body } \
	:: atomic { n_died < MAXDIE -> n_died++; goto died } fi

/* The dead's claim at p, seen in slot or head: give it back, or drop it. */
inline reap(p, old)
{
	SHARED_R(if
		:: slot[p % CAP] == old && REDELIVER ->
			slot[p % CAP] = SW(p, 0, REDEL);
			assert(g_taken[p] == 1); g_taken[p] = 0; g_again[p] = 1
		:: slot[p % CAP] == old && !REDELIVER -> slot[p % CAP] = SW(p + CAP, 0, FREE)
		:: else fi)
}

inline repair_counters()
{
	PRIVATE(c = tail);
	if
	:: COWN(c) == D ->
		p = CPOS(c) - 1;
		SHARED_R(CAS(slot[p % CAP], SW(p, 0, FREE), SW(p, 0, TOMB)))
	:: else
	fi;
	PRIVATE(c = head);
	if
	:: COWN(c) == D ->
		p = CPOS(c) - 1;
		reap(p, SW(p, 0, READY));
		SHARED_R(CAS(slot[p % CAP], SW(p, 0, TOMB), SW(p + CAP, 0, FREE)))
	:: else
	fi;
	p = 0; c = 0
}

inline repair_slots()
{
	i = 0;
	do
	:: i < CAP ->
		PRIVATE(w = slot[i]);
		if
		:: OWN(w) == D && STATE(w) == WRITING ->
			SHARED_R(CAS(slot[i], w, SW(POS(w), 0, TOMB)))
		:: OWN(w) == D && STATE(w) == READING -> p = POS(w); reap(p, w); p = 0
		:: else
		fi;
		i++
	:: else -> break
	od;
	i = 0; w = 0
}

#if REUSE	/* one reaper; seat 1 may die twice */
#define TODO(p) ((p) <= NWORK && dead[p] && repaired[p] == 0)
#else
#define TODO(p) ((p) <= NWORK && dead[p] && !did[p])
#endif
#define ANY_TODO (TODO(1) || TODO(2) || TODO(3) || TODO(4))
proctype Reaper(byte n)
{
	byte D, c, i, p;
	short w;
	bool did[5];

again:	do
	:: atomic { TODO(1) -> D = 1 } -> goto repair
	:: atomic { TODO(2) -> D = 2 } -> goto repair
	:: atomic { TODO(3) -> D = 3 } -> goto repair
	:: atomic { TODO(4) -> D = 4 };
repair:
#if BUG != 4
		repair_counters();
		repair_slots();
#else
		repair_slots();
		repair_counters();
#endif
#if BUG != 7
		SHARED_R(if :: !NO_REDEL -> redel++ :: else fi);
#endif
		atomic { did[D] = 1; repaired[D]++; D = 0 }
	:: atomic { WORKDONE(1) && WORKDONE(2) && (NWORK < 3 || WORKDONE(3)) &&
		    (NWORK < 4 || WORKDONE(4)) && !ANY_TODO && (!REUSE || reborn || fin[1]) } -> break
	od;
	goto out;
died:	atomic { D = 0; c = 0; i = 0; p = 0; w = 0; did[1] = 0; did[2] = 0; did[3] = 0; did[4] = 0 };
	if :: n == 0 -> goto again :: else fi;
out:	atomic { reapers_done++; D = 0; did[1] = 0; did[2] = 0; did[3] = 0; did[4] = 0 }
}

/* The daemon gives seat 1 to somebody else. */
proctype Rebirth()
{
	if
#if BUG == 5
	:: atomic { dead[1] -> dead[1] = 0; reborn = 1; run Producer(1, K, K + 1) }
#else
	:: atomic { dead[1] && repaired[1] > 0 -> dead[1] = 0; reborn = 1; repaired[1] = 0; run Producer(1, K, K + 1) }
#endif
	:: atomic { fin[1] }
	fi
}

init {
	byte p;

	atomic {
		p = 0;
		do :: p < CAP -> slot[p] = SW(p, 0, FREE); p++ :: else -> break od;
		p = 1;
		do :: p <= NP -> run Producer(p, 0, K); p++ :: else -> break od;
		do :: p <= NWORK -> run Consumer(p, (p <= NP + CDIE)); p++ :: else -> break od;
		if :: REUSE -> run Rebirth() :: else fi;
		p = 0;
		do :: p < NR -> run Reaper(p); p++ :: else -> break od;
		p = 0
	};
	(reapers_done == NR);
	atomic {
		do
		:: p < CPOS(tail) ->
			if
			:: g_pub[p] != 0 ->
				assert(g_taken[p] == 2 ||
				       (!REDELIVER && g_taken[p] == 1 && dead[g_taker[p]]))
			:: else -> assert(RESERVE || dead[g_owner[p]] || (reborn && g_owner[p] == 1))
			fi;
			p++
		:: else -> break
		od;
		assert(CPOS(head) == CPOS(tail));
		p = CPOS(head);
		assert(slot[p % CAP] == SW(p, 0, FREE));
		assert(slot[(p + 1) % CAP] == SW(p + 1, 0, FREE))
	}
}
