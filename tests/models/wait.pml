/* SPDX-License-Identifier: MIT */
/*
 * wait.pml - shmreg/wake.h: no wake-up is lost
 *
 * NW wakers publish K items each, in slots that were claimed in order. Each has a store buffer, out of
 * which P comes when it pleases, but before its owner's next locked instruction or system call, before
 * his death, and before a sleeper's membarrier is over. NS sleepers take GOAL items each; sleeper 0
 * wants CHOOSY at once (2: M). The first DEADLINES of them may leave at any time, with or without
 * another try. The kernel wakes in any order (real-time priorities), and may tell one that he timed
 * out although he was woken. DESC descriptors are armed, rung and looked at, by whoever takes
 * all there is; their bell has room for 2 bytes. With CHANGE=1 the event is one that all see, RO=1 by
 * sleepers that cannot write, for whom the daemon has set watch.
 * MAXDIE wakers and sleepers die anywhere; the daemon raises the death word, repairs and raises it
 * again. MAXSTOP of them are stopped anywhere and never go on.
 *
 * Checked, when nothing moves any more: nobody is asleep, nor armed with an empty bell, while there is
 * something for him. With somebody stopped, only if another published from beginning to end since.
 *
 * BUG=1 no membarrier				BUG=2 membarrier before S and A
 * BUG=3 e read after the second try		BUG=4 the sequence is not raised
 * BUG=5 S taken away first, then all woken	BUG=6 S taken away, but nobody woken with it
 * BUG=7 who leaves with nothing passes nothing on	BUG=8 who takes one does not look for more
 * BUG=9 the death word is not slept on		BUG=10 ... is read after the second try
 * BUG=11 A taken away whatever count is now	BUG=12 arming does not raise the sequence
 * BUG=13 all bytes are taken out of the bell after arming
 * BUG=14 M is not looked at by wakers		BUG=15 ... before the wake-up of one, not after
 * BUG=16 a full bell is armed			BUG=17 M taken away whatever count is now
 * BUG=18 watch alone wakes nobody		BUG=19 the death word is raised only before repair
 * BUG=20 S is taken away by a waker that woke one
 * BUG=23 S is set again without raising the sequence
 */
#ifndef NW
#define NW 2
#endif
#ifndef NS
#define NS 2
#endif
#ifndef K
#define K 1
#endif
#ifndef GOAL
#define GOAL 1
#endif
#ifndef CHOOSY
#define CHOOSY 1
#endif
#ifndef DEADLINES
#define DEADLINES 0
#endif
#ifndef DESC
#define DESC 0
#endif
#ifndef CHANGE
#define CHANGE 0
#endif
#ifndef RO
#define RO 0
#endif
#ifndef MAXDIE
#define MAXDIE 0
#endif
#ifndef MAXSTOP
#define MAXSTOP 0
#endif
#ifndef BUG
#define BUG 0
#endif
#define NP (NW * K)
#define NA (NW + NS)		/* who may die: wakers, then sleepers */
#define ROOM 2			/* bytes in a bell */

#define S 1
#define A 2
#define M 4
#define ONE 8			/* of the sequence */

/* Shared memory. */
byte count;
bool watch = RO;
byte death, head, tail;
byte slot[NP + 2];		/* 0 free, 1 ready, 2 passed over or taken */
byte seen[NS + 1];		/* CHANGE: slots that this one has seen, a mask; private */

/* Store buffers, the kernel's queue, bells. */
byte buffer[NW];		/* a position + 1 */
bool asleep[NS], hit[NS];
byte bell[DESC + 1];
bool armed[DESC + 1];		/* waits for its bell, having looked */

/* Fate. */
byte fate[NA];			/* 0 none, 1 dies, 2 stops */
byte n_die, n_stop;
bool died[NA];			/* for the daemon to notice */
byte claimed[NW];		/* position + 1 that is not yet published */
bool served;			/* somebody published from beginning to end since the stop */
bool since[NW];

hidden byte i_, n_;

#define flush(w) \
	if \
	:: buffer[w] != 0 -> slot[buffer[w] - 1] = 1; buffer[w] = 0 \
	:: else \
	fi

#define flush_all() \
	flush(0); \
	flush(NW - 1); \
	if :: NW > 2 -> flush(1) :: else fi

/* What happens to the caller when he enters the kernel or locks the bus. */
#define locked(actor) if :: actor < NW -> flush(actor) :: else fi

/* There is something to take for one who wants @n. */
#if CHANGE
#define unseen(who, p) (slot[p] != 0 && (seen[who] & (1 << (p))) == 0)
#define ready(n, who) (unseen(who, 0) || (NP > 1 && unseen(who, 1)) || (NP > 2 && unseen(who, 2)) || \
	(NP > 3 && unseen(who, 3)))
#else
#define ready(n, who) (slot[head] == 1 && (n < 2 || slot[head + 1] == 1))
#endif

inline pass_over()
{
#if !CHANGE
	do :: slot[head] == 2 && head < NP -> head++ :: else -> break od
#endif
}

inline take(n, who)
{
#if CHANGE
	i_ = 0;
	do
	:: i_ < NP -> if :: slot[i_] != 0 -> seen[who] = seen[who] | (1 << i_) :: else fi; i_++
	:: else -> break
	od;
	i_ = 0
#else
	slot[head] = 2; head++;
	if :: n > 1 -> slot[head] = 2; head++ :: else fi;
	pass_over()
#endif
}

/* One try. */
inline attempt(n, who)
{
	d_step {
		ok = 0;
		if :: ready(n, who) -> take(n, who); ok = 1 :: else fi
	}
}

inline wake_all()
{
	i_ = 0;
	do
	:: i_ < NS -> if :: asleep[i_] -> asleep[i_] = 0; hit[i_] = 1 :: else fi; i_++
	:: else -> break
	od;
	i_ = 0
}

inline ring_all()
{
	i_ = 0;
	do
	:: i_ < DESC -> if :: bell[i_] < ROOM -> bell[i_]++ :: else fi; i_++
	:: else -> break
	od;
	i_ = 0
}

#define some_asleep (asleep[0] || (NS > 1 && asleep[NS - 1]) || (NS > 2 && asleep[1]))

/* shmreg_wake_() by actor @actor; @one: one can use it. Local steps go with the one before. */
inline wake(actor, one)
{
	atomic {									/* L */
		todo = ((count & (S | A)) || watch -> 1 : 0);
		c = 0
	};
	if
	:: todo ->
		atomic {								/* B */
			locked(actor);
			w = watch;
			c = count;
			count = count + (BUG == 4 -> 0 : ONE);
			left = count;
			if
			:: (c & S) == 0 && (BUG == 18 || !w) -> todo = 0
			:: one && (BUG != 15 || (c & M) == 0) -> todo = 1
			:: else -> todo = 2
			fi
		};
		if
		:: todo == 1 ->
			atomic {							/* FUTEX_WAKE */
				if
				:: asleep[0] -> asleep[0] = 0; hit[0] = 1; todo = 0
				:: asleep[NS - 1] -> asleep[NS - 1] = 0; hit[NS - 1] = 1; todo = 0
				:: NS > 2 && asleep[1] -> asleep[1] = 0; hit[1] = 1; todo = 0
				:: !some_asleep -> todo = 2
				fi
			};
			atomic {
				if
				:: (BUG != 15 && BUG != 14 && (count & M)) || watch -> todo = 2
				:: else
				fi;
				if :: BUG == 20 -> count = count & ~S :: else fi
			}
		:: else
		fi;
		if
		:: todo == 2 ->
#if BUG == 5
			atomic { count = count & ~S };
			atomic { wake_all(); left = left & ~S };
#elif BUG == 6
			atomic { count = count & ~S; left = left & ~S };
			if :: one && (c & M) == 0 :: else -> atomic { wake_all() } fi;
#else
			atomic { count = count & ~S; wake_all(); left = left & ~S };	/* FUTEX_WAKE_OP */
#endif
			if
			:: left & M ->
				atomic {
					if :: BUG == 17 || count == left -> count = count & ~M :: else fi;
					left = left & ~M
				}
			:: else
			fi
		:: else
		fi;
		if
		:: DESC > 0 && (left & A) ->
			atomic { ring_all() };
			atomic { if :: BUG == 11 || count == left -> count = count & ~A :: else fi }
		:: else
		fi
	:: else
	fi
}

#if MAXDIE + MAXSTOP > 0
#define until_fate(actor) unless { fate[actor] != 0 }
#else
#define until_fate(actor)
#endif

proctype Waker(byte me)
{
	byte k, p, c, left, todo;
	bool w;

	{
		do
		:: k < K ->
			atomic { flush(me); p = tail; tail++; claimed[me] = p + 1 };
			atomic {							/* P */
				buffer[me] = p + 1; claimed[me] = 0; since[me] = (n_stop > 0)
			};
			wake(me, !CHANGE);
			atomic {
				if :: since[me] -> served = 1 :: else fi;
				k++; c = 0; left = 0; todo = 0; w = 0; p = 0
			}
		:: else -> break
		od
	} until_fate(me);
	/* He dies behind what he has stored; and whoever is stopped is not at work on a processor. */
	atomic {
		flush(me);
		died[me] = (fate[me] == 1);
		k = 0; p = 0; c = 0; left = 0; todo = 0; w = 0
	}
}

inline membarrier()
{
	atomic { if :: BUG == 1 :: else -> flush_all() fi }
}

proctype Sleeper(byte me)
{
	byte e, d, n, c, left, todo, goal;
	bool w, slept, ok, gone, announced;

	{
		n = (me == 0 -> CHOOSY : 1);
		do
		:: goal < GOAL ->
			attempt(n, me);
			if
			:: !ok ->
				atomic { d = (BUG == 9 || BUG == 10 -> d : death) };		/* D' */
#if BUG == 2
				membarrier();
#endif
				atomic {							/* W */
					if
					:: RO
					:: else ->
						if
						:: BUG != 23 && (count & S) == 0 -> count = count + ONE
						:: else
						fi;
						count = count | S | (n > 1 -> M : 0)
					fi;
					e = count
				};
#if BUG != 2
				membarrier();							/* F */
#endif
				attempt(n, me);
#if BUG == 10
				d = death;
#endif
#if BUG == 3
				e = count;
#endif
			:: else
			fi;
			if
			:: !ok ->
				atomic {
					slept = 1;
					if
					:: count == e && (BUG == 9 || death == d) -> asleep[me] = 1
					:: else -> hit[me] = 1
					fi
				};
end_asleep:
				if
				:: atomic { hit[me] -> hit[me] = 0 }
				:: atomic { me < DEADLINES -> asleep[me] = 0; hit[me] = 0; gone = 1 };
					if
					:: attempt(n, me)
					:: skip		/* -EINTR */
					fi
				fi
			:: else
			fi;
			atomic {
				if
				:: ok -> todo = (slept && tail != head && BUG != 8 && !CHANGE)
				:: else -> todo = (gone && !RO && BUG != 7 && (e / ONE) != (count / ONE))
				fi
			};
			if :: todo -> wake(NW + me, 1) :: else fi;
			atomic {
				if
				:: ok -> goal++; slept = 0
				:: gone -> goal = GOAL
				:: else
				fi;
				ok = 0; gone = 0; e = 0; d = 0; c = 0; left = 0; todo = 0; w = 0
			}
		:: else -> break
		od
	} until_fate(NW + me);
	atomic {
		asleep[me] = 0; hit[me] = 0; died[NW + me] = (fate[NW + me] == 1);
		e = 0; d = 0; slept = 0; ok = 0; gone = 0; goal = 0; c = 0; left = 0; todo = 0; w = 0; n = 0
	}
}

/* shmreg_watch_ready(), and what its caller takes. */
proctype Descriptor(byte me)
{
	byte n;
	bool ok;

look:
	attempt(1, NS);
	do
	:: ok -> attempt(1, NS)
	:: else ->
		atomic {
			if :: BUG != 16 && bell[me] > 1 -> bell[me] = 1 :: else fi;
			n = bell[me]
		};
#if BUG == 2
		membarrier();
#endif
		atomic { count = (count | A) + (BUG == 12 -> 0 : ONE) };
#if BUG != 2
		membarrier();
#endif
		attempt(1, NS);
		if
		:: ok
		:: else ->
			atomic { bell[me] = (BUG == 13 -> 0 : bell[me] - n); armed[me] = 1; n = 0 };
end_poll:
			atomic { bell[me] > 0 -> armed[me] = 0 };
			attempt(1, NS)
		fi
	od
}

/* What the store buffers do by themselves. */
proctype Processor()
{
end_idle:
	do
	:: atomic { buffer[0] != 0 -> flush(0) }
	:: atomic { NW > 1 && buffer[NW - 1] != 0 -> flush(NW - 1) }
	:: atomic { NW > 2 && buffer[1] != 0 -> flush(1) }
	od
}

#if MAXDIE + MAXSTOP > 0
proctype Fate()
{
	byte who;

end_idle:
	do
	:: atomic {
		n_die + n_stop < MAXDIE + MAXSTOP ->
		who = 0;
		do :: who < NA - 1 -> who++ :: break od;
		if
		:: n_die < MAXDIE && fate[who] == 0 -> fate[who] = 1; n_die++
		:: n_stop < MAXSTOP && fate[who] == 0 -> fate[who] = 2; n_stop++; served = 0
		:: fate[who] != 0
		fi;
		who = 0
	   }
	:: break	/* or nothing happens */
	od
}
#endif

#if MAXDIE > 0
proctype Daemon()
{
	byte who;

end_idle:
	do
	:: atomic {
		died[0] || died[1] || died[NA - 1] || died[NA - 2] ->
		if
		:: died[0] -> who = 0
		:: died[1] -> who = 1
		:: died[NA - 1] -> who = NA - 1
		:: died[NA - 2] -> who = NA - 2
		fi;
		died[who] = 0
	   };
		death++;
		atomic { wake_all(); ring_all() };
		atomic {
			if
			:: who < NW && claimed[who] != 0 ->
				slot[claimed[who] - 1] = 2;
				claimed[who] = 0;
				pass_over()
			:: else
			fi
		};
#if BUG != 19
		death++;
		atomic { wake_all(); ring_all() };
#endif
		who = 0
	od
}
#endif

init
{
	atomic {
		run Processor();
		n_ = 0;
		do :: n_ < NW -> run Waker(n_); n_++ :: else -> break od;
		n_ = 0;
		do :: n_ < NS -> run Sleeper(n_); n_++ :: else -> break od;
		n_ = 0;
		do :: n_ < DESC -> run Descriptor(n_); n_++ :: else -> break od;
		n_ = 0;
#if MAXDIE + MAXSTOP > 0
		run Fate();
#endif
#if MAXDIE > 0
		run Daemon();
#endif
	};
	timeout ->
	d_step {
		i_ = 0;
		do
		:: i_ < NS ->
			assert(!asleep[i_] || !ready((i_ == 0 -> CHOOSY : 1), i_) || (n_stop > 0 && !served));
			i_++
		:: else -> break
		od;
		i_ = 0;
		do
		:: i_ < DESC ->
			assert(!armed[i_] || bell[i_] > 0 || !ready(1, NS) || (n_stop > 0 && !served));
			i_++
		:: else -> break
		od;
		i_ = 0
	}
}
