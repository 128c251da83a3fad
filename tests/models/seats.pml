/* SPDX-License-Identifier: MIT */
/*
 * seats.pml - the life of a seat, FREE -> LIVE -> DEAD -> FREE, with a reaper
 * and a daemon that may both be killed anywhere
 *
 * What lasts: the seat words of the directory, the data area, who is alive. What
 * dies with the daemon: which seats it noted when it sent a job. What may outlive
 * it: the reaper, until the restarted daemon has made sure that it is gone.
 *
 * The data area is one push counter with owner, and its slots: who claims and
 * finds a seat of somebody else in the counter records it first, and passes over
 * his own seat without a look (the same-owner skip). So a seat that is handed out
 * again before all its claims are settled loses one of them for ever.
 *
 * P participants, each claims N times, leaves or is killed anywhere; S seats, so
 * that they must be used again; MAXDIE deaths of daemon or reaper.
 *
 * Checked: a seat has one living holder; the reaper never repairs under a living
 * one; each claim is settled; all seats come back; nobody waits for ever.
 *
 * BUG=1 a seat is FREE at death, before repair
 * BUG=2 DONE frees all seats that are DEAD by then, not those noted before the job
 * BUG=3 a restarted daemon starts a reaper while the old one may live
 * BUG=4 the answer is sent before the seat is LIVE in the directory
 * BUG=5 the reaper reports DONE after the first seat
 * BUG=6 a restarted daemon does not look who died meanwhile
 * BUG=7 a leaver's seat is FREE at once, though it left with a claim open
 */
#ifndef P
#define P 3
#endif
#ifndef N
#define N 1
#endif
#ifndef S
#define S 2
#endif
#ifndef MAXDIE
#define MAXDIE 1
#endif
#ifndef BUG
#define BUG 0
#endif
#define NPOS (P * N)

/* the directory: participant << 2 | state */
#define FREE 0
#define LIVE 1
#define DEAD 2
#define STATE(w) ((w) & 3)
#define HOLDER(w) ((w) >> 2)
byte seat[S + 1];

/* the data area */
#define EMPTY 0
#define READY 1
#define TOMB 2
#define WRITING(s) (4 + (s))
byte slot[NPOS + 1];
byte tail_pos, tail_owner;

/* the world */
bool gone[P + 1];	/* killed or left: a pidfd fires, or a DETACH came */
bool asked[P + 1];	/* OPEN was sent */
byte answer[P + 1];	/* the seat it got */
bool refused[P + 1];
byte n_gone, n_died;
bool reaping;		/* a reaper runs */
bool condemned;		/* it has been killed: its next step is its last */
bool job_done, job_failed;
byte g_claimant[NPOS + 1];
bool g_killed[P + 1];

#define CAN_DIE (n_died < MAXDIE)

proctype Participant(byte me)
{
	byte s, n, pos, owner;
	bool again;
#define STEP(body) if :: atomic { body } :: atomic { g_killed[me] = 1; goto end } fi

	asked[me] = 1;
	if
	:: atomic { answer[me] != 0 -> s = answer[me] }
	:: atomic { refused[me] -> goto end }
	:: atomic { g_killed[me] = 1; goto end }
	fi;
	do
	:: n < N ->
		again = 1;
		do
		:: again ->
			STEP(pos = tail_pos; owner = tail_owner);
			if
			:: owner != 0 && owner != s ->
				STEP(if
					:: slot[pos - 1] == EMPTY -> slot[pos - 1] = WRITING(owner)
					:: else fi)
			:: else
			fi;
			STEP(if
				:: tail_pos == pos && tail_owner == owner ->
					assert(seat[s] == (me << 2 | LIVE) || BUG);
					tail_pos++; tail_owner = s; g_claimant[pos] = me; again = 0
				:: else fi)
		:: else -> break
		od;
#if BUG == 7
		if :: skip :: goto end fi;
#endif
		STEP(assert(slot[pos] == EMPTY || slot[pos] == WRITING(s)); slot[pos] = READY);
		n++
	:: else -> break
	od;
end:	atomic { s = 0; n = 0; pos = 0; owner = 0; again = 0; gone[me] = 1; n_gone++ }
}

proctype Reaper()
{
	byte i, p, D, pos;
#define REAP(body) if :: atomic { condemned -> goto end } \
	:: atomic { !condemned -> body } \
	:: atomic { CAN_DIE -> n_died++; job_failed = 1; goto end } fi
	/* What it believes to be a dead seat's claim is put right. */
#define REPAIR(q) \
		REAP(if \
			:: slot[q] == EMPTY || slot[q] == WRITING(D) -> \
				assert(gone[g_claimant[q]]); slot[q] = TOMB \
			:: else fi)

	i = 1;
	do
	:: i <= S ->
		REAP(if :: STATE(seat[i]) == DEAD -> D = i :: else -> D = 0 fi);
		if
		:: D != 0 ->
			REAP(if :: tail_owner == D -> pos = tail_pos :: else -> pos = 0 fi);
			if :: pos != 0 -> REPAIR(pos - 1) :: else fi;
			p = 0;
			do
			:: p < NPOS ->
				if
				:: atomic { slot[p] == WRITING(D) } -> REPAIR(p)
				:: atomic { else }
				fi;
				p++
			:: else -> break
			od
#if BUG == 5
			; i = S
#endif
		:: else
		fi;
		i++
	:: else -> break
	od;
	REAP(job_done = 1);
end:	atomic { i = 0; p = 0; D = 0; pos = 0; reaping = 0; condemned = 0 }
}

/* Seats of the gone become DEAD, one store each. */
#define LEFTOVER(s) (STATE(seat[s]) == LIVE && gone[HOLDER(seat[s])])
#define ANY_LEFTOVER (LEFTOVER(1) || (S > 1 && LEFTOVER(S)))
#define ANY_DEAD (STATE(seat[1]) == DEAD || (S > 1 && STATE(seat[S]) == DEAD))
#define ANY_FREE (STATE(seat[1]) == FREE || (S > 1 && STATE(seat[S]) == FREE))
#define HAS(p) (seat[1] == ((p) << 2 | LIVE) || seat[S] == ((p) << 2 | LIVE))
#define ASKING(p) ((p) <= P && asked[p] && answer[p] == 0 && !refused[p] && !gone[p])

proctype Daemon()
{
	byte s, p;
	bool noted[S + 1], job, blind;
#define DAEMON(body) if :: atomic { body } :: atomic { CAN_DIE -> n_died++; goto restart } fi

loop:	do
	:: atomic { ASKING(1) && (ANY_FREE || HAS(1)) -> p = 1 } -> goto grant
	:: atomic { ASKING(2) && (ANY_FREE || HAS(2)) -> p = 2 } -> goto grant
	:: atomic { ASKING(3) && (ANY_FREE || HAS(3)) -> p = 3 };
grant:		/* the same request gets the same answer, whoever answered it before */
		atomic {
			s = 1;
			do
			:: s <= S && seat[s] != (p << 2 | LIVE) -> s++
			:: else -> break
			od;
			if
			:: s > S ->
				s = 1;
				do :: STATE(seat[s]) != FREE -> s++ :: else -> break od
			:: else
			fi
		};
#if BUG == 4
		DAEMON(answer[p] = s);
		DAEMON(seat[s] = p << 2 | LIVE);
#else
		DAEMON(seat[s] = p << 2 | LIVE);
		DAEMON(answer[p] = s);
#endif
		atomic { s = 0; p = 0 }
	:: atomic { !blind && ANY_LEFTOVER ->
		if :: LEFTOVER(1) -> s = 1 :: else -> s = S fi };
#if BUG == 1
		DAEMON(seat[s] = FREE);
#elif BUG == 7
		if
		:: !g_killed[HOLDER(seat[s])] -> DAEMON(seat[s] = FREE)
		:: else -> DAEMON(seat[s] = (HOLDER(seat[s]) << 2) | DEAD)
		fi;
#else
		DAEMON(seat[s] = (HOLDER(seat[s]) << 2) | DEAD);
#endif
		s = 0
	:: atomic { ANY_DEAD && !job && (!reaping || BUG == 3) } ->
		DAEMON(s = 1; do :: s <= S -> noted[s] = (STATE(seat[s]) == DEAD); s++ :: else -> break od; s = 0);
		DAEMON(job = 1; job_done = 0; job_failed = 0; reaping = 1; run Reaper())
	:: atomic { job && job_failed } -> DAEMON(job = 0; job_failed = 0)
	:: atomic { job && job_done && !reaping } ->
		s = 1;
		do
		:: s <= S ->
#if BUG == 2
			DAEMON(if :: STATE(seat[s]) == DEAD -> seat[s] = FREE :: else fi);
#else
			DAEMON(if :: noted[s] -> assert(STATE(seat[s]) == DEAD); seat[s] = FREE; noted[s] = 0 :: else fi);
#endif
			s++
		:: else -> break
		od;
		atomic { s = 0; noted[1] = 0; noted[S] = 0 };
		DAEMON(job = 0; job_done = 0)
	:: atomic { n_gone == P && !job && !ANY_DEAD && (blind || !ANY_LEFTOVER) && !reaping } -> break
	od;
	goto end;
restart:
	atomic {
		s = 0; p = 0; job = 0; noted[1] = 0; noted[S] = 0;
#if BUG == 6
		blind = 1;
#endif
		if :: reaping && BUG != 3 -> condemned = 1 :: else fi
	};
#if BUG != 3
	atomic { !reaping };	/* the old reaper is surely gone */
#endif
	goto loop;
end:	atomic {
		assert(seat[1] == FREE && seat[S] == FREE);
		s = 0;
		do
		:: s < tail_pos ->
			assert(slot[s] == READY || (slot[s] == TOMB && (g_killed[g_claimant[s]] || BUG)));
			s++
		:: else -> break
		od
	}
}

init {
	byte p;

	atomic {
		run Daemon();
		p = 1;
		do :: p <= P -> run Participant(p); p++ :: else -> break od;
		p = 0
	}
}
