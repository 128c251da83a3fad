/* SPDX-License-Identifier: MIT */
/*
 * directory.pml - the object index of shmreg/abi/directory.h: readers without
 * locks, one writer that may be killed between any two stores and starts again
 *
 * Entries 1..E (0 ends a chain), two buckets. Object "b" is there from the start
 * and stays. The writer removes what else there is and makes new objects in freed
 * entries, in the other bucket as often as not, so that a reader that stands on a
 * freed entry is led into the wrong chain.
 *
 * An object's name, and all else that a reader copies, follows from its id, so that a torn
 * copy shows. id 1 is "b". Bucket of an id: BUCKET(id).
 *
 * Readers look up b, and the newest object acknowledged. Checked: a copy is of one
 * committed entry; b is always found; an object whose creation was acknowledged and
 * whose removal has not begun is found; one whose removal was acknowledged is not;
 * no reader runs for ever; at the end (the writer having settled) each LIVE entry
 * is linked exactly once, and nothing else is.
 *
 * BUG=1 unlinking does not raise the generation
 * BUG=2 a restarted writer does not raise the generation
 * BUG=3 a restarted writer empties the buckets and links everything anew
 * BUG=4 the entry is LIVE before it is written
 * BUG=5 a reader does not look at state and id again after its copy
 * BUG=6 a miss is believed without looking at the generation
 * BUG=7 an entry is used again before it is unlinked
 * BUG=8 a restarted writer does not link what is LIVE
 */
#ifndef NOBJ
#define NOBJ 4	/* ids 1..NOBJ; 3 stands before b in its chain, 4 in the other */
#endif
#ifndef E
#define E 2
#endif
#ifndef NR
#define NR 1
#endif
#ifndef LOOKUPS
#define LOOKUPS 1
#endif
#ifndef MAXDIE
#define MAXDIE 1
#endif
#ifndef BUG
#define BUG 0
#endif

#define FREE 0
#define LIVE 1
#define REMOVED 2
#define BUCKET(i) ((i) & 1)

byte state[E + 1], id[E + 1], name[E + 1], body[E + 1], next[E + 1];
byte bucket[2], generation;

byte n_died, created, removing, removed;	/* ids acknowledged, begun, acknowledged */
bool over;
byte readers_done;

/* Looks up the object with this id, by name. */
inline look_up(want)
{
	/* what must hold of a look-up that begins now */
	atomic { must = (want == 1 || (created >= want && removing < want)); must_not = (want != 1 && removed >= want) };
again:	g = generation;
	at = bucket[BUCKET(want)]; steps = 0; hit = 0;
	do
	:: at != 0 && steps < E + 1 ->
		i = 0;
		if :: atomic { state[at] == LIVE -> i = id[at] } :: atomic { else } fi;
		if
		:: i != 0 ->
			n = name[at];
			b = body[at];
#if BUG == 5
			hit = (n == want)
#else
			atomic { hit = (n == want && state[at] == LIVE && id[at] == i) }
#endif
		:: else
		fi;
		if :: hit -> break :: else fi;
		at = next[at]; steps++
	:: else -> break
	od;
	if
	:: hit ->
		assert(i == want && n == want && b == want);
		assert(!must_not)
#if BUG != 6
	:: !hit && generation != g -> goto again
#endif
	:: else ->
		/* a removal that began meanwhile excuses a miss */
		assert(!must || (want != 1 && removing >= want))
	fi;
	atomic { g = 0; at = 0; steps = 0; i = 0; n = 0; b = 0; hit = 0; must = 0; must_not = 0 }
}

proctype Reader()
{
	byte g, at, steps, i, n, b, k, w;
	bool hit, must, must_not;

	do
	:: k < LOOKUPS ->
		if :: w = 1 :: w = 2 :: NOBJ > 2 -> w = NOBJ fi;
		look_up(w);
		k++; w = 0
	:: else -> break
	od;
	readers_done++
}

#define WRITER(act) if :: atomic { act } :: atomic { n_died < MAXDIE -> n_died++; goto restart } fi

/* Takes e out of the chain of bucket h: one store. */
inline unlink(e, h)
{
	p = bucket[h];
	if
	:: p == e -> WRITER(bucket[h] = next[e])
	:: else ->
		do :: p != 0 && next[p] != e -> p = next[p] :: else -> break od;
		if :: p != 0 -> WRITER(next[p] = next[e]) :: else fi
	fi;
	p = 0
}

inline linked(e, h)
{
	p = bucket[h];
	do :: p != 0 && p != e -> p = next[p] :: else -> break od;
	is_linked = (p == e); p = 0
}

inline link(e, h)
{
	WRITER(next[e] = bucket[h]);
	WRITER(bucket[h] = e)
}

proctype Writer()
{
	byte newest = 1, e, p, h;
	bool is_linked;

loop:	do
	:: newest < NOBJ || (newest == NOBJ && created < NOBJ) ->
		/* remove the newest (never b), then use its entry again; or another one */
		e = 2;
		do :: e <= E && state[e] != LIVE -> e++ :: else -> break od;
		if
		:: e <= E && id[e] < NOBJ ->
			removing = id[e];
#if BUG == 7
			WRITER(state[e] = REMOVED);
#else
			WRITER(state[e] = REMOVED);
			h = BUCKET(id[e]);
			unlink(e, h);
#if BUG != 1
			WRITER(generation++);
#endif
#endif
			removed = id[e];
			WRITER(state[e] = FREE)
		:: else
		fi;
		e = 2;
		do :: e <= E && state[e] != FREE -> e++ :: else -> break od;
		if
		:: e <= E && newest < NOBJ ->
			newest++;
#if BUG == 4
			WRITER(id[e] = newest; state[e] = LIVE);
			WRITER(name[e] = newest);
			WRITER(body[e] = newest);
#else
			WRITER(id[e] = newest);
			WRITER(name[e] = newest);
			WRITER(body[e] = newest);
			WRITER(state[e] = LIVE);
#endif
			h = BUCKET(newest);
			link(e, h);
			WRITER(generation++);
			created = newest
		:: else
		fi;
		e = 0; h = 0
	:: else -> break
	od;
	goto end;

	/* What a restarted writer does first; it may be killed here, too. */
restart:
	e = 0; p = 0; h = 0; is_linked = 0;
#if BUG == 3
	WRITER(bucket[0] = 0);
	WRITER(bucket[1] = 0);
#endif
	e = 1;
	do
	:: e <= E ->
		/* in whichever chain it is left: an entry that is not LIVE is taken out */
		h = 0;
		do
		:: h < 2 ->
			linked(e, h);
			if
			:: is_linked && !(state[e] == LIVE && BUCKET(id[e]) == h) -> unlink(e, h)
			:: !is_linked && state[e] == LIVE && BUCKET(id[e]) == h && BUG != 8 -> link(e, h)
			:: else
			fi;
			h++
		:: else -> break
		od;
		e++
	:: else -> break
	od;
	h = 0; e = 1; is_linked = 0;
#if BUG != 2
	WRITER(generation++);
#endif
	/* whatever was REMOVED is out of every chain now, and readers on it are warned */
	newest = 1;
	do
	:: e <= E ->
		if
		:: state[e] == REMOVED -> removed = id[e]; WRITER(state[e] = FREE)
		:: else
		fi;
		if
		:: state[e] == LIVE && id[e] > newest -> newest = id[e]
		:: else
		fi;
		e++
	:: else -> break
	od;
	/* ids are never used again: the larger of what lives and what was acknowledged */
	atomic {
		e = 0;
		if :: created > newest -> newest = created :: else -> created = newest fi
	};
	goto loop;
end:	atomic {
		e = 1; is_linked = 0;
		do
		:: e <= E ->
			linked(e, 0); h = is_linked; linked(e, 1);
			if
			:: state[e] == LIVE -> assert(h + is_linked == 1 && (BUCKET(id[e]) == is_linked))
			:: else -> assert(h + is_linked == 0)
			fi;
			e++
		:: else -> break
		od;
		over = 1
	}
}

init {
	byte p;

	atomic {
		state[1] = LIVE; id[1] = 1; name[1] = 1; body[1] = 1;
		bucket[BUCKET(1)] = 1; created = 1;
		run Writer();
		do :: p < NR -> run Reader(); p++ :: else -> break od;
		p = 0
	};
	/* a reader that runs for ever would be a cycle without this end */
	(over && readers_done == NR)
}
