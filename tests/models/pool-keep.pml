/* SPDX-License-Identifier: MIT */
/*
 * pool-keep.pml - what a handle of a pool keeps: shmreg/pool-inline.h, "Keeping"
 *
 * One object, its keeper, and NT others who want the object, R1 times each. The keeper acquires and
 * releases it R times, with a store buffer, out of which its plain stores come in their order and when
 * they please, but before its next locked instruction, before its death, and before another's
 * membarrier is over. When it releases, it keeps the object or does not. MAXDIE of all are
 * killed, each before any of their stores; whoever is stopped for ever just makes no further
 * step. A keeper that died is repaired, and its seat and its place are another's.
 *
 * Generations are modulo GENS, which is what tags are for; tags do not wrap here.
 *
 * Checked: the object is one's who acquired it, never two's; who says -EAGAIN may say so: since he
 * began it was held, or somebody was in a call that acquires or releases it, or had been
 * killed and not been repaired; in the end, when nobody holds it, it is FREE, or KEPT and to be
 * found.
 *
 * BUG=1 no membarrier				BUG=2 K' does not look
 * BUG=3 W' does not look			BUG=4 membarrier before W
 * BUG=5 WANTED is cleared, the tag stays	BUG=6 W' looks before K
 * BUG=7 the slow acquire is a store		BUG=8 repair leaves what is KEPT
 * BUG=9 a new keeper has the tag of the one before
 * BUG=10 a reference is kept before its object's word says so
 */
#ifndef NT
#define NT 2
#endif
#ifndef R
#define R 3
#endif
#ifndef R1
#define R1 1
#endif
#ifndef GENS
#define GENS 2
#endif
#ifndef MAXDIE
#define MAXDIE 1
#endif
#ifndef BUG
#define BUG 0
#endif

#define KEEPER NT		/* its number; 0 .. NT - 1 are the others */
#define NA (NT + 1)

/* A word: state, whose, tag, generation. */
#define FREE(g) ((g) * 256)
#define NEXT(g) (((g) + 1) % GENS)
#define HELD(g, who) ((g) * 256 + ((who) + 1) * 4 + 1)
#define KEPT(g, t) ((g) * 256 + (t) * 32 + (KEEPER + 1) * 4 + 3)
#define state(w) ((w) & 3)
#define whose(w) ((((w) >> 2) & 7) - 1)
#define gen(w) ((w) >> 8)

/* Shared memory. */
short word;
byte ref;			/* generation + 1 */
byte recall;			/* tag * 2 + WANTED */
byte n_tags;

/* The store buffer. */
#define ROOM 5
#define WORD 1
#define REF 2
#define RECALL 3
byte where[ROOM], n_stores;
short what[ROOM];

/* Not shared memory: what the claims are about. */
byte holder;			/* who + 1 */
bool busy;			/* the keeper is in a call */
bool passed[NT];		/* between K' and A */
bool searching[NT], seen[NT];
bool dead[NA], gone[NA];
byte deaths, n_done;
hidden byte k_;

#define trouble(me) (holder != 0 || busy || n_stores > 0 || passed[0] || passed[NT - 1] || \
	dead[KEEPER] || dead[0] || dead[NT - 1])
inline note()
{
	k_ = 0;
	do
	:: k_ < NT -> if :: searching[k_] -> seen[k_] = 1 :: else fi; k_++
	:: else -> break
	od;
	k_ = 0
}

inline flush_one()
{
	if
	:: where[0] == WORD -> word = what[0]
	:: where[0] == REF -> ref = what[0]
	:: where[0] == RECALL -> recall = what[0]
	fi;
	k_ = 0;
	do
	:: k_ < ROOM - 1 -> where[k_] = where[k_ + 1]; what[k_] = what[k_ + 1]; k_++
	:: else -> break
	od;
	where[ROOM - 1] = 0; what[ROOM - 1] = 0; k_ = 0;
	n_stores--
}

inline flush()
{
	do :: n_stores > 0 -> flush_one() :: else -> break od
}

inline put(place, value)
{
	atomic {
		if :: n_stores == ROOM -> flush_one() :: else fi;
		where[n_stores] = place; what[n_stores] = value; n_stores++
	}
}

#define MAY_DIE if :: deaths < MAXDIE -> deaths++; goto died :: skip fi

/* The plain stores of all that is the keeper's. */
proctype keeper()
{
	byte rounds, tag, g, r;
	bool kept, has;

again:
	atomic { n_tags++; tag = n_tags };
#if BUG == 9
	tag = recall / 2 + (recall / 2 == 0 -> 1 : 0);
#endif
	MAY_DIE;
	put(RECALL, tag * 2);
	do
	:: rounds == R -> break
	:: rounds < R ->
		atomic { rounds++; busy = 1; note() };
		if
		:: kept ->
			/* acquire */
#if BUG == 6
			r = recall;
#endif
			MAY_DIE;
			put(REF, 0);							/* K */
#if BUG != 6
			r = recall;							/* W' */
#endif
			if
			:: r == tag * 2 || BUG == 3 ->
				MAY_DIE;
				atomic {
					put(WORD, HELD(NEXT(g), KEEPER));
					assert(holder == 0); holder = KEEPER + 1;
					g = NEXT(g); has = 1
				}
			:: else ->
				MAY_DIE;
				atomic {							/* A */
					flush();
					if
					:: word == KEPT(g, tag) || BUG == 7 ->
						word = HELD(NEXT(g), KEEPER);
						assert(holder == 0); holder = KEEPER + 1;
						g = NEXT(g); has = 1
					:: else
					fi
				};
#if BUG == 5
				MAY_DIE;
				put(RECALL, tag * 2);
#else
				atomic { flush(); n_tags++; tag = n_tags };
				MAY_DIE;
				put(RECALL, tag * 2);						/* T */
#endif
			fi;
			kept = 0
		:: else ->
			MAY_DIE;
			atomic {
				flush();
				if
				:: state(word) == 0 ->
					g = NEXT(gen(word)); word = HELD(g, KEEPER);
					assert(holder == 0); holder = KEEPER + 1;
					has = 1
				:: else
				fi
			}
		fi;
		r = 0;
		atomic { busy = 0; if :: has -> skip :: else -> goto next fi };
		/* release */
		if
		:: atomic { busy = 1; holder = 0; note() };
#if BUG == 10
			MAY_DIE;
			put(REF, g + 1);
			kept = 1;
			atomic { busy = 0; has = 0 };
			MAY_DIE;
			put(WORD, KEPT(g, tag))
#else
			MAY_DIE;
			put(WORD, KEPT(g, tag));					/* R */
			MAY_DIE;
			put(REF, g + 1);						/* K */
			atomic { kept = 1; busy = 0; has = 0 }
#endif
		:: atomic { busy = 1; holder = 0; note() };
			MAY_DIE;
			atomic { flush(); word = FREE(g); g = 0; busy = 0; has = 0 }
		fi;
next:
		skip
	od;
	atomic { flush(); n_done++ };
	goto end;
died:
	atomic { flush(); dead[KEEPER] = 1; busy = 0; tag = 0; g = 0; r = 0; kept = 0; has = 0; note() };
	/* Repaired, and another's. */
	atomic { gone[KEEPER] -> gone[KEEPER] = 0; dead[KEEPER] = 0; n_stores = 0 };
	goto again;
end:
	skip
}

proctype other(byte me)
{
	byte rounds, r;
	short w;

	do
	:: rounds == R1 -> break
	:: rounds < R1 ->
		atomic { rounds++; searching[me] = 1; seen[me] = trouble(me) };
		atomic {
			if
			:: state(word) == 0 ->
				w = HELD(NEXT(gen(word)), me); word = w;
				assert(holder == 0); holder = me + 1; note();
				goto has
			:: else
			fi
		};
		r = ref;
		atomic { if :: r == 0 -> goto vain :: else fi };
		w = word;
		atomic { if :: state(w) != 3 || gen(w) + 1 != r -> goto vain :: else fi };
#if BUG == 4
		atomic { flush() };
#endif
		MAY_DIE;
		atomic { recall = recall | 1 };						/* W */
#if BUG != 1 && BUG != 4
		atomic { flush() };							/* M */
#endif
		atomic {								/* K' */
			if
			:: ref != r && BUG != 2 -> goto vain
			:: else -> passed[me] = 1; note()
			fi
		};
		MAY_DIE;
		atomic {								/* A */
			passed[me] = 0;
			if
			:: word == w ->
				w = HELD(NEXT(gen(w)), me); word = w;
				assert(holder == 0); holder = me + 1; note();
				goto has
			:: else -> goto vain
			fi
		};
has:
		atomic { searching[me] = 0; seen[me] = 0; r = 0 };
		MAY_DIE;
		atomic { assert(word == w); holder = 0; word = FREE(gen(w)); w = 0; note() };
		goto next;
vain:
		/* -EAGAIN */
		atomic { assert(seen[me]); searching[me] = 0; seen[me] = 0; r = 0; w = 0 };
next:
		skip
	od;
	n_done++;
	goto end;
died:
	atomic {
		dead[me] = 1; searching[me] = 0; seen[me] = 0; passed[me] = 0; r = 0; w = 0; note()
	};
	atomic { gone[me] -> gone[me] = 0; dead[me] = 0; n_done++ };
end:
	skip
}

/* What the store buffer does by itself. */
proctype processor()
{
end_idle:
	do
	:: atomic { n_stores > 0 -> flush_one() }
	od
}

proctype reaper()
{
	byte who;

end_idle:
	do
	:: atomic {
		(dead[0] && !gone[0]) || (dead[NT - 1] && !gone[NT - 1]) || (dead[KEEPER] && !gone[KEEPER]) ->
		if
		:: dead[0] && !gone[0] -> who = 0
		:: dead[NT - 1] && !gone[NT - 1] -> who = NT - 1
		:: dead[KEEPER] && !gone[KEEPER] -> who = KEEPER
		fi
	   };
		atomic {
			if
			:: state(word) != 0 && whose(word) == who && (BUG != 8 || state(word) == 1) ->
				word = FREE(gen(word)); note();
				if :: holder == who + 1 -> holder = 0 :: else fi
			:: else
			fi
		};
		if
		:: who == KEEPER -> ref = 0
		:: else
		fi;
		atomic { if :: holder == who + 1 -> holder = 0 :: else fi; gone[who] = 1; who = 0; note() }
	od
}

init
{
	atomic {
		k_ = 0;
		run keeper();
		run other(0);
		if :: NT > 1 -> run other(NT - 1) :: else fi;
		run processor();
		run reaper()
	};
	n_done == NA;
	atomic {
		flush();
		assert(holder == 0);
		assert(state(word) == 0 || (state(word) == 3 && ref == gen(word) + 1))
	}
}
