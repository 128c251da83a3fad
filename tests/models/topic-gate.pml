/* SPDX-License-Identifier: MIT */
/*
 * topic-gate.pml - a reliable topic: what holds its publishers
 *
 * NPUB publishers share NPOS positions, CAP slots; publishing one is one step here, for how that is
 * done is topic.pml's. Each remembers a gate, and looks at the cursors when it has come
 * too far beyond it. NSUB subscribers join, read, leave and join again, or die at
 * any step (NDIE times); a publisher sees a death before the reaper has freed the cursor. With
 * LAG=n a subscriber is evicted at that lag, and joins again.
 * With one publisher its stores of slots stay in a buffer until it pleases, as processors do it.
 *
 * Checked: nothing is overwritten that a subscriber that has joined, lives and is not
 * evicted has yet to read; so what it reads is there.
 *
 * BUG=1 who joins looks once, before it announces	BUG=2 who joins stores, evicted or not
 * BUG=3 the gate is where the publisher is		BUG=4 no fence before the look at the cursors
 * BUG=5 the cursor moves before the message was read
 */
#ifndef NPUB
#define NPUB 2
#endif
#ifndef NSUB
#define NSUB 1
#endif
#ifndef CAP
#define CAP 2
#endif
#ifndef NPOS
#define NPOS 4
#endif
#ifndef LAG
#define LAG 0
#endif
#ifndef NDIE
#define NDIE 1
#endif
#ifndef BUG
#define BUG 0
#endif
#define ROOM (LAG > 0 -> LAG : CAP)
#define EMPTY 0
#define ACTIVE 1
#define EVICTED 2

byte newest;			/* first unpublished position, for all to see */
byte state[NSUB], place[NSUB];	/* a cursor, one word */
bool dead[NSUB];
byte n_died;

/* Not part of the algorithm. */
bool g_joined[NSUB];
byte g_next[NSUB];
byte g_published;
hidden byte s;

/* Position @p is published, so that p - CAP is no more. */
inline overwrite(p)
{
	g_published = p + 1;
	for (s : 0 .. NSUB - 1) {
		assert(!(g_joined[s] && !dead[s] && state[s] == ACTIVE && p >= CAP && p - CAP >= g_next[s]))
	}
	s = 0
}

proctype Publisher()
{
	byte own, gate, m, i, at, is;

	do
	:: own < NPOS ->
again:
#if NPUB > 1
		own = newest;
		if :: own >= NPOS -> break :: else fi;
#endif
		if
		:: own - gate >= ROOM ->
#if NPUB == 1 && BUG != 4
			newest = own;	/* the fence */
#endif
			m = own;
			i = 0;
			do
			:: i < NSUB ->
				atomic { is = state[i]; at = place[i] }
				if
				:: is == ACTIVE && at < own && !dead[i] ->
					if
					:: LAG > 0 && own - at >= LAG ->
						atomic {
							if
							:: state[i] == ACTIVE && place[i] == at ->
								state[i] = EVICTED; i++
							:: else
							fi }
					:: else ->
						if :: at < m -> m = at :: else fi;
						i++
					fi
				:: else -> i++
				fi
			:: else -> break
			od;
#if BUG == 3
			m = own;
#endif
			gate = m;
			m = 0; at = 0; is = 0; i = 0;
			if :: own - gate >= ROOM -> goto again :: else fi
		:: else
		fi;
#if NPUB > 1
		atomic {
			if
			:: newest == own -> overwrite(own); newest = own + 1
			:: else
			fi }
#else
		atomic { overwrite(own); own++ }
		if :: newest = own :: skip fi
#endif
	:: else -> break
	od;
	newest = (own > newest -> own : newest)
}

#define STEP(body) if :: atomic { body } \
	:: atomic { n_died < NDIE -> n_died++; dead[me] = 1; goto died } fi

proctype Subscriber(byte me; byte joins)
{
	byte first, next;
	bool ok;

	do
	:: joins > 0 ->
		joins--;
		first = newest;
		STEP(assert(state[me] == EMPTY); state[me] = ACTIVE; place[me] = first);
		do
		::
#if BUG != 1
			next = newest;
#else
			next = first;
#endif
			STEP(
				if
				:: BUG == 2 || (state[me] == ACTIVE && place[me] == first) ->
					state[me] = ACTIVE; place[me] = next; ok = 1;
					g_joined[me] = 1; g_next[me] = next
				:: else -> state[me] = ACTIVE; place[me] = next; first = next; ok = 0
				fi);
			if :: ok -> break :: else fi
		od;
		/* Read some, evicted or not: what is evicted is as if it had left. */
		do
		:: next < newest ->
#if BUG == 5
			STEP(if :: state[me] == ACTIVE -> place[me] = next + 1 :: else -> break fi);
#endif
			atomic { assert(state[me] != ACTIVE || g_published <= next + CAP); g_next[me] = next + 1 }
			next++;
#if BUG != 5
			STEP(if :: state[me] == ACTIVE && place[me] == next - 1 -> place[me] = next :: else -> break fi)
#endif
		:: break
		od;
		STEP(state[me] = EMPTY; place[me] = 0; g_joined[me] = 0; g_next[me] = 0);
		first = 0; next = 0; ok = 0
	:: else -> goto out
	od;
died:	skip;
	/* the reaper, whenever it comes */
	atomic { state[me] = EMPTY; place[me] = 0; g_joined[me] = 0; g_next[me] = 0; dead[me] = 0;
		first = 0; next = 0; ok = 0 }
out:	skip
}

init
{
	atomic {
		for (s : 0 .. NPUB - 1) { run Publisher() }
		for (s : 0 .. NSUB - 1) { run Subscriber(s, 2) }
		s = 0
	}
}
