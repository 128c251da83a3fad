/*
 * cell.pml - the cell (shmreg/abi/cell.h, shmreg/cell-inline.h): slots, latest, places
 *
 * NW writers one after the other or beside each other, as there are places (P); each takes a place,
 * writes NWR values, some of which it aborts, and leaves. Any of them is killed before any store;
 * one reaper frees the places of the dead. NR reads by one reader.
 *
 * Checked: a read gives one whole value, one that was the latest at some moment of the read, never
 * older than the last; "word gone, and latest the same" is never seen by a reader; versions go up by
 * one; nobody waits for the dead (no invalid end state: reader and heirs come to their end).
 *
 * P=1: the only writer's store; P>1: compare-and-swap. KS: slots a writer.
 *
 * BUG=1	a slot is not invalidated before it is written
 * BUG=2	an heir begins with the first slot, whatever latest names
 * BUG=3	the slot is invalidated after the first half of the value (no F)
 * BUG=4	the value is published before its second half (P relaxed)
 * BUG=5	the reader looks at the word before the copy, and not behind it (no F')
 * BUG=6	abort steps on to the next slot
 * BUG=7	several writers publish by a store
 * BUG=8	versions are the writer's own, not the cell's
 * BUG=9	the reaper frees the places of the living, too
 * BUG=10	the reaper frees nothing
 * BUG=11	what was found where the last value was is not compared
 * (KS=1 is the plain sequence lock: an heir, or the next value, overwrites what is being read)
 */
#ifndef P
#define P 1
#endif
#ifndef NW
#define NW 2
#endif
#ifndef KS
#define KS 2
#endif
#ifndef NWR
#define NWR 2
#endif
#ifndef NR
#define NR 2
#endif
#ifndef MAXDIE
#define MAXDIE 1
#endif
#ifndef ABORT
#define ABORT 0
#endif
#ifndef BUG
#define BUG 0
#endif

/* a word: version, writer, slot; 0: none */
#define WORD(v, w, s) ((v) * 8 + (w) * 4 + (s))
#define VER(x) ((x) / 8)
#define WRITER(x) (((x) / 4) % 2)
#define SLOT(x) ((x) % 4)
#define AT(w, s) ((w) * KS + (s))

byte latest;
byte word[P * KS], first[P * KS], second[P * KS];
byte place[P];			/* whose: 1 .. NW, 0: free */
bool dead[4], repaired[4];	/* NW is at most 3 */
byte n_died;
/* Ghosts: in which order values were published; how many were when the reader began. */
byte order[NW * NWR + 1], n_published;

/* A store to shared memory, before which one may be killed. */
#define STEP(body) \
	if \
	:: atomic { body } \
	:: atomic { n_died < MAXDIE -> n_died++; dead[me] = true; goto gone } \
	fi

proctype Writer(byte me)
{
	byte n, r, s, x, v, w;

	/* take a place, and find the slot to begin with (R: one sees what was published before) */
	do
	:: atomic { place[0] == 0 -> place[0] = me; r = 0; break }
#if P > 1
	:: atomic { place[0] != 0 && place[1] == 0 -> place[1] = me; r = 1; break }
#endif
	od;
	x = latest;
	s = 0;
#if BUG != 2
	if
	:: x != 0 && WRITER(x) == r -> s = (SLOT(x) + 1) % KS
	:: else
	fi;
#endif
	do
	:: n < NWR ->
		v = (me - 1) * NWR + n + 1;
		n++;
#if BUG != 1 && BUG != 3
		STEP(word[AT(r, s)] = 0);
#endif
		STEP(first[AT(r, s)] = v);
#if BUG == 3
		STEP(word[AT(r, s)] = 0);
#endif
#if BUG != 4
		STEP(second[AT(r, s)] = v);
#endif
#if ABORT
		if
		:: skip
		:: true ->
# if BUG == 6
			s = (s + 1) % KS;
# endif
			goto next
		fi;
#endif
#if P > 1
		x = latest;
#endif
#if BUG == 8
		w = WORD(n, r, s);
#else
		w = WORD(VER(x) + 1, r, s);
#endif
		STEP(word[AT(r, s)] = w);
#if P == 1 || BUG == 7
		STEP(assert(VER(w) == VER(latest) + 1); latest = w; n_published++; order[v] = n_published);
		x = w;
#else
		STEP(
			if
			:: latest == x ->
				assert(VER(w) == VER(latest) + 1);
				latest = w;
				n_published++;
				order[v] = n_published
			:: else		/* superseded */
			fi);
#endif
#if BUG == 4
		STEP(second[AT(r, s)] = v);
#endif
		s = (s + 1) % KS;
next:		w = 0;
		v = 0
	:: else -> break
	od;
	STEP(place[r] = 0);
gone:
	atomic { n = 0; r = 0; s = 0; x = 0; v = 0; w = 0; skip }
}

/* One at a time; killed and begun again it does the same, so it is not killed here. */
proctype Reaper()
{
	byte i, r;

end:	do
	:: atomic { dead[1] && !repaired[1] -> i = 1 }; repaired[i] = true; goto repair
	:: atomic { dead[2] && !repaired[2] -> i = 2 }; repaired[i] = true; goto repair
	:: atomic { dead[3] && !repaired[3] -> i = 3 }; repaired[i] = true; goto repair
	od;
repair:
#if BUG != 10
	r = 0;
	do
	:: r < P ->
		if
		:: atomic { place[r] == i -> place[r] = 0 }
#if BUG == 9
		:: atomic { place[r] != 0 -> place[r] = 0 }
#endif
		:: atomic { place[r] != i }
		fi;
		r++
	:: else -> break
	od;
#endif
	atomic { r = 0; i = 0; goto end }
}

proctype Reader()
{
	byte n, x, y, a, b, g, before, last;

	do
	:: n < NR ->
		n++;
		before = n_published;
again:		x = latest;
		if
		:: x == 0 ->	/* never written */
			assert(before == 0 && last == 0)
		:: else ->
			/* where the last value was, or wherever another reader says: any slot */
			atomic {
				do
				:: g < P * KS - 1 -> g++
				:: break
				od;
				a = first[g]
			}
			b = second[g];
			if
			:: atomic { word[g] == x || BUG == 11 -> goto found }
			:: atomic { !(word[g] == x || BUG == 11) -> a = 0; b = 0; g = 0 }
			fi;
#if BUG == 5
			if
			:: word[AT(WRITER(x), SLOT(x))] != x -> goto again
			:: else
			fi;
#endif
			a = first[AT(WRITER(x), SLOT(x))];
			b = second[AT(WRITER(x), SLOT(x))];
			if
			:: atomic { BUG == 5 || word[AT(WRITER(x), SLOT(x))] == x ->
found:				assert(a == b);
				assert(a != 0 && order[a] != 0);	/* published */
				assert(order[a] >= before && order[a] >= last);
				last = order[a] }
			:: else ->
				y = latest;
				assert(y != x);		/* -EUCLEAN, of correct writers */
				atomic { y = 0; a = 0; b = 0; goto again }
			fi
		fi;
		atomic { x = 0; y = 0; a = 0; b = 0; g = 0; before = 0 }
	:: else -> break
	od;
	skip
}

init {
	byte i;

	atomic {
		i = 1;
		do
		:: i <= NW -> run Writer(i); i++
		:: else -> break
		od;
		run Reaper();
		run Reader();
		i = 0
	}
}
