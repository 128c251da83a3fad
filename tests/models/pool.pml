/* SPDX-License-Identifier: MIT */
/*
 * pool.pml - the pool of shmreg/abi/pool.h: owner words, and hints that say what is full
 *
 * Everybody may be killed before each of his stores to shared memory, and stopped anywhere
 * for ever (nobody is fair). A killed reaper is started again from the beginning.
 * Generations are left out: what they are for is that stale references are found out,
 * which no interleaving makes easier or harder. The order in which a search passes
 * the groups is any rotation.
 *
 * Checked: an object is one's who acquired it; a search that ends in -EAGAIN may say so:
 * each object was held at some time since it began, or the call that released it had not
 * returned (nor, if its caller died, the repair); in the end, when nobody holds anything
 * and the dead are repaired, each object is FREE and can be found.
 *
 * lower is the word of `full`, upper that of `fuller`.
 *
 * NW workers, each R1 times acquires and releases, the first R times; NG groups of GS objects, one word of `full`,
 * one of `fuller`; MAXDIE deaths, of workers or of the reaper. REUSE: a worker's seat is used
 * again after its repair.
 *
 * BUG=1 FULL is set first, then the group is looked at again, and it is taken back
 * BUG=2 LOOK does not raise `looks begun`	BUG=3 release looks at FULL only
 * BUG=4 release looks at fuller only if full had a bit		BUG=5 release clears fuller first
 * BUG=6 the reaper leaves hints		BUG=7 the reaper clears fuller first
 * BUG=8 FULL is set whatever the word is by now	BUG=9 the reaper clears hints first
 */
#ifndef NW
#define NW 2
#endif
#ifndef R
#define R 2
#endif
#ifndef R1
#define R1 R
#endif
#ifndef NG
#define NG 1
#endif
#ifndef GS
#define GS 2
#endif
#ifndef MAXDIE
#define MAXDIE 1
#endif
#ifndef REUSE
#define REUSE 0
#endif
#ifndef BUG
#define BUG 0
#endif

#define N (NG * GS)
#define ROUNDS(w) ((w) == 0 -> R : R1)
#define ALL ((1 << NG) - 1)		/* FULL of all groups; LOOK is NG bits higher */
#define FULL(g) (1 << (g))
#define LOOK(g) (1 << ((g) + NG))
#define ONE (1 << (2 * NG))		/* of looks begun */
#if BUG == 2
#define BEGUN 0
#else
#define BEGUN ONE
#endif
#define HINTS (ONE - 1)
#define BITS(w, mask) (((w) / ONE) * ONE + (((w) & HINTS) & (HINTS - ((w) & (mask)))))

byte own[N];		/* 0: FREE; w + 1 */
short lower, upper;	/* upper: as if NG were there, bit 0 of it used */

/* Not shared memory: what the claims are about. */
byte releasing[NW];	/* o + 1: the release of o has not returned */
byte seen[NW];		/* objects that were held since this one's search began */
bit searching[NW];
byte deaths;
bit dead[NW], gone[NW];
byte n_done;

#define MAY_DIE if :: deaths < MAXDIE -> deaths++; goto died :: skip fi
/* own[o] is somebody's from now on: for all who search. */
inline note_held(o)
{
	for (k : 0 .. NW - 1) {
		if :: searching[k] -> seen[k] = seen[k] | (1 << (o)) :: else fi
	}
	k = 0;
}

inline begin_search()
{
	atomic {
		searching[me] = 1;
		seen[me] = 0;
		for (k : 0 .. N - 1) {
			if :: own[k] != 0 -> seen[me] = seen[me] | (1 << k) :: else fi
		}
		for (k : 0 .. NW - 1) {
			if :: releasing[k] != 0 -> seen[me] = seen[me] | (1 << (releasing[k] - 1)) :: else fi
		}
		k = 0;
	}
}

proctype worker(byte me)
{
	byte i = 0, k = 0, o = 0, g = 0, turn = 0, rounds = 0;
	short h = 0, look = 0, f = 0;
	bit found = 0;

again:
	do
	:: rounds == ROUNDS(me) -> break
	:: rounds < ROUNDS(me) ->
		rounds++;
		begin_search();
		found = 0;
		if :: g = 0 :: NG > 1 -> g = 1 fi;	/* the home */
		turn = 0;
		do
		:: turn == NG || found -> break
		:: turn < NG && !found ->
			atomic { f = upper; if :: (f & FULL(0)) != 0 -> turn = NG; goto next :: else fi };
			atomic { f = lower; if :: (f & FULL(g)) != 0 -> skip :: else -> goto look_at fi };
			if
			:: (f & ALL) != ALL -> goto next
			:: else
			fi;
			/* mark_fuller() */
#if BUG == 1
			MAY_DIE;
			atomic { upper = upper | FULL(0) };
			atomic { if :: (lower & ALL) == ALL -> goto next :: else fi };
			MAY_DIE;
			atomic { upper = BITS(upper, FULL(0)) };
			goto next;
#else
			h = upper;
			if
			:: (h & FULL(0)) != 0 -> goto next
			:: (h & FULL(0)) == 0 && (h & LOOK(0)) != 0
			:: else ->
				look = (h | LOOK(0)) + BEGUN;
				MAY_DIE;
				atomic { if :: upper == h -> upper = look; h = look :: else -> goto next fi }
			fi;
			atomic { if :: (lower & ALL) == ALL :: else -> goto next fi };
			MAY_DIE;
			atomic {
				if
#if BUG == 8
				:: upper = BITS(upper, LOOK(0)) | FULL(0)
#else
				:: upper == h -> upper = BITS(h, LOOK(0)) | FULL(0)
				:: else
#endif
				fi
			};
			goto next;
#endif
look_at:
			i = 0;
			do
			:: i == GS -> break
			:: i < GS ->
				o = g * GS + i;
				if
				:: own[o] == 0 ->
					MAY_DIE;
					atomic {
						if
						:: own[o] == 0 ->
							own[o] = me + 1;
							found = 1;
							searching[me] = 0;
							note_held(o);
							goto next
						:: else
						fi
					}
				:: else
				fi;
				i++
			od;
			/* mark_full() */
			i = 0;
#if BUG == 1
			MAY_DIE;
			atomic { lower = lower | FULL(g) };
			do
			:: i == GS -> goto next
			:: i < GS -> atomic { if :: own[g * GS + i] == 0 -> break :: else -> i++ fi }
			od;
			MAY_DIE;
			atomic { lower = BITS(lower, FULL(g)) };
			goto next;
#else
			h = lower;
			if
			:: (h & FULL(g)) != 0 -> goto next
			:: (h & FULL(g)) == 0 && (h & LOOK(g)) != 0
			:: else ->
				look = (h | LOOK(g)) + BEGUN;
				MAY_DIE;
				atomic { if :: lower == h -> lower = look; h = look :: else -> goto next fi }
			fi;
			do
			:: i == GS -> break
			:: i < GS -> atomic { if :: own[g * GS + i] == 0 -> goto next :: else -> i++ fi }
			od;
			MAY_DIE;
			atomic {
				if
#if BUG == 8
				:: lower = BITS(lower, LOOK(g)) | FULL(g)
#else
				:: lower == h -> lower = BITS(h, LOOK(g)) | FULL(g)
				:: else
#endif
				fi
			};
#endif
next:
			if
			:: !found && turn < NG -> turn++; g = (g + 1) % NG
			:: else
			fi;
			i = 0; h = 0; look = 0; f = 0
		od;
		if
		:: !found ->
			d_step {
				searching[me] = 0;
				/* -EAGAIN */
				assert(seen[me] == (1 << N) - 1);
				seen[me] = 0
			}
		:: else ->
			/* release() */
			assert(own[o] == me + 1);
			MAY_DIE;
			d_step { assert(own[o] == me + 1); releasing[me] = o + 1; own[o] = 0; g = o / GS };
#if BUG == 5
			f = upper;
			if
			:: (f & (FULL(0) | LOOK(0))) != 0 ->
				MAY_DIE;
				atomic { upper = BITS(upper, FULL(0) | LOOK(0)) }
			:: else
			fi;
#endif
			f = lower;
			if
#if BUG == 3
			:: (f & FULL(g)) != 0 ->
#else
			:: (f & (FULL(g) | LOOK(g))) != 0 ->
#endif
				MAY_DIE;
				atomic { lower = BITS(lower, FULL(g) | LOOK(g)) }
			:: else
#if BUG == 4
				-> goto returned
#endif
			fi;
#if BUG != 5
			f = upper;
			if
#if BUG == 3
			:: (f & FULL(0)) != 0 ->
#else
			:: (f & (FULL(0) | LOOK(0))) != 0 ->
#endif
				MAY_DIE;
				atomic { upper = BITS(upper, FULL(0) | LOOK(0)) }
			:: else
			fi;
#endif
returned:
			skip;
			d_step { releasing[me] = 0; o = 0; f = 0; g = 0 }
		fi
	od;
	skip;
	d_step { n_done++; g = 0; turn = 0; found = 0 };
	goto end;
died:
	skip;
	d_step { searching[me] = 0; seen[me] = 0; dead[me] = 1; i = 0; o = 0; g = 0; turn = 0; h = 0; look = 0; f = 0; found = 0 };
	/* Its repair is waited for in any case: it is the daemon's to see to that. */
	gone[me] == 1;
#if REUSE
	d_step { gone[me] = 0; dead[me] = 0 };
	goto again;
#else
	n_done++;
#endif
end:
	skip
}

proctype reaper()
{
	byte i = 0, w = 0;

	do
	:: n_done == NW -> break
	:: w = 0;
		do
		:: w == NW -> break
		:: w < NW && dead[w] && !gone[w] -> break
		:: w < NW && !(dead[w] && !gone[w]) -> w++
		od;
		if :: w == NW -> goto idle :: else fi;
repair:
		i = 0;
#if BUG == 9
		skip;
		MAY_DIE;
		atomic { lower = BITS(lower, HINTS) };
		MAY_DIE;
		atomic { upper = BITS(upper, HINTS) };
#endif
		do
		:: i == N -> break
		:: i < N ->
			if
			:: own[i] == w + 1 -> MAY_DIE; atomic { if :: own[i] == w + 1 -> own[i] = 0; releasing[w] = i + 1 :: else fi }
			:: else
			fi;
			i++
		od;
#if BUG != 6 && BUG != 9
#if BUG == 7
		MAY_DIE;
		atomic { upper = BITS(upper, HINTS) };
#endif
		MAY_DIE;
		atomic { lower = BITS(lower, HINTS) };
#if BUG != 7
		MAY_DIE;
		atomic { upper = BITS(upper, HINTS) };
#endif
#endif
		skip;
		d_step { releasing[w] = 0; gone[w] = 1; i = 0; w = 0 };
idle:
		atomic { (n_done == NW || dead[0] && !gone[0] || dead[NW - 1] && !gone[NW - 1] || (NW > 2 && dead[1] && !gone[1])) }
	od;
	goto end;
died:
	skip;
	/* Started again; it reads the dead seats from the directory. */
	i = 0;
	goto repair;
end:
	skip
}

init
{
	byte i = 0;

	atomic {
		for (i : 0 .. NW - 1) {
			run worker(i)
		}
		run reaper()
	}
	/* Everybody is done, or dead and repaired: all is free, and no hint denies it. */
	_nr_pr == 1;
	for (i : 0 .. N - 1) {
		assert(own[i] == 0)
	}
	assert((lower & ALL) == 0 && (upper & FULL(0)) == 0)
}
