/* SPDX-License-Identifier: MIT */
/*
 * topic.pml - publishing by the exchange of chunks, settling for others and for the dead
 *
 * Publishers 0 .. NPUB - 1 publish K messages each, with CAP slots. The first NDIE may be killed
 * before each store, MAXDIE times in all; the reaper, too, NRDIE times, and is started again
 * from the beginning. Then a successor takes over the role, and the message if it was
 * not published. Nobody is obliged to go on: every state in which some are stopped is
 * here. A reader looks at one position of its choice, once.
 *
 * Checked: at every change of a slot or a spare each chunk is in exactly one place, where
 * a publisher's chunk is its spare, or what its message displaced if that is not settled yet;
 * every message is published once, at positions without gaps; what a reader takes for whole
 * is the message of that position; the tail is never beyond the first unpublished position.
 * With ONE=1 there is one publisher, who stores its slot's word and settles for nobody.
 *
 * BUG=1 who displaces does not settle		BUG=2 ... settles afterwards
 * BUG=3 ... does not look at the slot again	BUG=4 the displaced chunk is noted afterwards
 * BUG=5 the spare is changed first		BUG=6 the reaper does not settle
 * BUG=7 the reaper settles by the spare alone	BUG=8 the role is free before it is settled
 * BUG=9 readers do not look again		BUG=10 want is noted afterwards
 * BUG=11 the tail is moved first		BUG=12 who settles ignores the sequence
 */
#ifndef NPUB
#define NPUB 2
#endif
#ifndef NDIE
#define NDIE NPUB
#endif
#ifndef CAP
#define CAP 2
#endif
#ifndef K
#define K 2
#endif
#ifndef MAXDIE
#define MAXDIE 1
#endif
#ifndef NRDIE
#define NRDIE 0
#endif
#ifndef READER
#define READER 1
#endif
#ifndef ONE
#define ONE 0
#endif
#ifndef BUG
#define BUG 0
#endif

#define NCHUNK (CAP + NPUB)
#define NPOS (NPUB * K)
#define TURN(p) ((p) / CAP + 1)

byte slot_turn[CAP], slot_chunk[CAP];		/* a word each */
byte spare_seq[NPUB], spare_chunk[NPUB];	/* a word each */
byte want[NPUB], tail;
byte h_pub[NCHUNK], h_seq[NCHUNK], h_displaced[NCHUNK];
byte m_one[NCHUNK], m_two[NCHUNK];		/* a message, torn between */
bool taken[NPUB], dead[NPUB];

/* Not part of the algorithm. */
byte g_at[NPOS], g_n[NPUB * K + 1];
byte n_died, n_reaper_died, g_first;
hidden byte g_i, g_places, g_c;

inline check_places()
{
	g_places = 0;
	for (g_i : 0 .. CAP - 1) {
		assert((g_places >> slot_chunk[g_i] & 1) == 0);
		g_places = g_places | 1 << slot_chunk[g_i]
	}
	for (g_i : 0 .. NPUB - 1) {
		g_c = spare_chunk[g_i];
		if
		:: (g_places & ((1 << CAP + NPUB) - 1)) >> g_c & 1 -> g_c = h_displaced[g_c]
		:: else
		fi;
		assert((g_places >> g_c & 1) == 0);
		g_places = g_places | 1 << g_c
	}
	g_i = 0; g_places = 0; g_c = 0
}

#define PRIVATE(body) atomic { body }
#define SHARED(body) if :: atomic { body } \
	:: atomic { me < NDIE && n_died < MAXDIE -> n_died++; dead[me] = 1; goto died } fi
#define WORD_IS(p, t, c) (slot_turn[(p) % CAP] == t && slot_chunk[(p) % CAP] == c)

inline publish_word(ok)
{
	if
	:: WORD_IS(p, turn, a) ->
		slot_turn[p % CAP] = TURN(p); slot_chunk[p % CAP] = b; ok = 1;
		assert(p == g_first);
		g_first++; g_at[p] = id; g_n[id]++;
		assert(g_n[id] == 1);
#if BUG != 5
		check_places()
#endif
	:: else -> ok = 0
	fi
}

inline settle_for()
{
	if
	:: spare_chunk[q] == a && (spare_seq[q] == q_seq || BUG == 12) ->
		spare_seq[q] = spare_seq[q] + 1; spare_chunk[q] = q_displaced;
		check_places()
	:: else
	fi
}

proctype Publisher(byte me; byte n)
{
	byte p, turn, a, b, seq, q, q_seq, q_displaced, id;
	bool ok;

start:
	atomic { !taken[me] -> taken[me] = 1;
		seq = spare_seq[me]; b = spare_chunk[me]; p = 0 }
	do
	:: n > 0 ->
		id = me * K + n;
		SHARED(m_one[b] = id);
		SHARED(m_two[b] = id; h_pub[b] = me);
		SHARED(h_seq[b] = seq);
find:		PRIVATE(if :: tail > p -> p = tail :: else fi);
		do
		:: atomic {
			turn = slot_turn[p % CAP]; a = slot_chunk[p % CAP];
			if
			:: turn == TURN(p) -> p++
			:: turn > TURN(p) -> p = (turn - 1) * CAP + p % CAP + 1
			:: turn < TURN(p) -> assert(turn == TURN(p) - 1); break
			fi }
		od;
#if !ONE && BUG != 1
		if
		:: turn > 0 ->
			PRIVATE(q = h_pub[a]);
			PRIVATE(q_seq = h_seq[a]);
			PRIVATE(q_displaced = h_displaced[a]);
#if BUG != 3
			if
			:: atomic { WORD_IS(p, turn, a) }
			:: atomic { else -> goto find }
			fi;
#endif
#if BUG != 2
			if :: q != me -> SHARED(settle_for()) :: else fi
#endif
		:: else
		fi;
#endif
#if BUG != 4
		SHARED(h_displaced[b] = a);
#endif
#if BUG != 10
		SHARED(want[me] = p);
#endif
#if BUG == 5
		SHARED(spare_seq[me] = seq + 1; spare_chunk[me] = a);
#endif
#if BUG == 11
		SHARED(if :: tail < p + 1 -> tail = p + 1; assert(tail <= g_first) :: else fi);
#endif
		SHARED(publish_word(ok));
		if :: !ok -> goto find :: else fi;
#if BUG == 4
		SHARED(h_displaced[b] = a);
#endif
#if BUG == 10
		SHARED(want[me] = p);
#endif
#if BUG == 2
		if :: turn > 0 && q != me -> SHARED(settle_for()) :: else fi;
#endif
		SHARED(spare_seq[me] = seq + 1; spare_chunk[me] = a; check_places());
		seq++; b = a;
		PRIVATE(ok = (tail < p + 1));
		if :: ok -> SHARED(tail = p + 1; assert(tail <= g_first)) :: else fi;
		n--; ok = 0; q = 0; q_seq = 0; q_displaced = 0; a = 0; turn = 0
	:: else -> goto out
	od;
died:	skip;
	atomic {
		if :: n > 0 && g_n[me * K + n] > 0 -> n-- :: else fi;
		p = 0; turn = 0; a = 0; b = 0; seq = 0; q = 0; q_seq = 0; q_displaced = 0; id = 0; ok = 0
	};
	goto start;
out:	skip
}

/* A kill of the reaper: from the beginning. */
#define REPAIR(body) if :: atomic { body } \
	:: atomic { n_reaper_died < NRDIE -> n_reaper_died++; goto again } fi

/* Of publisher r, who is dead. */
inline repair()
{
#if BUG == 8
	REPAIR(taken[r] = 0);
#endif
	PRIVATE(seq = spare_seq[r]; chunk = spare_chunk[r]);
	PRIVATE(p = want[r]; ok = WORD_IS(p, TURN(p), chunk));
#if BUG == 7
	ok = h_pub[chunk] == r && h_seq[chunk] == seq;
#endif
#if BUG != 6
	if
	:: ok ->
		PRIVATE(ok = h_pub[chunk] == r && h_seq[chunk] == seq; displaced = h_displaced[chunk]);
		if
		:: ok -> REPAIR(
			if
			:: spare_seq[r] == seq && spare_chunk[r] == chunk ->
				spare_seq[r] = seq + 1; spare_chunk[r] = displaced;
				check_places()
			:: else
			fi)
		:: else
		fi
	:: else
	fi;
#endif
#if BUG == 8
	REPAIR(dead[r] = 0);
#else
	/* the death, and the role last */
	REPAIR(dead[r] = 0; taken[r] = 0);
#endif
	seq = 0; chunk = 0; ok = 0; displaced = 0; p = 0
}

proctype Reaper()
{
	byte r, seq, chunk, ok, displaced, p;

again:	atomic { seq = 0; chunk = 0; ok = 0; displaced = 0; p = 0 }
end:	do
	:: dead[0] -> r = 0; repair()
#if NPUB > 1
	:: dead[1] -> r = 1; repair()
#endif
#if NPUB > 2
	:: dead[2] -> r = 2; repair()
#endif
	od
}

proctype Reader()
{
	byte p, chunk, one, two;

	select(p : 0 .. NPOS - 1);
	/* Until it is there; what was overwritten is lost. */
	atomic { slot_turn[p % CAP] >= TURN(p) -> chunk = slot_chunk[p % CAP];
		if :: slot_turn[p % CAP] == TURN(p) :: else -> goto lost fi }
	PRIVATE(one = m_one[chunk]);
	PRIVATE(two = m_two[chunk]);
	atomic {
		if
		:: BUG == 9 || WORD_IS(p, TURN(p), chunk) -> assert(one == two && one == g_at[p])
		:: else
		fi }
lost:	skip
}

init
{
	atomic {
		for (g_i : 0 .. CAP - 1) { slot_chunk[g_i] = g_i }
		for (g_i : 0 .. NPUB - 1) { spare_chunk[g_i] = CAP + g_i; run Publisher(g_i, K) }
		g_i = 0;
		run Reaper();
#if READER
		run Reader()
#endif
	}
}
