/* SPDX-License-Identifier: MIT */
/*
 * removal.pml - a removed object's memory is given back and used again, yet no
 * open handle ever sees another object's bytes
 *
 * One entry, one range. The daemon removes the object that is there, punches the
 * range when every living participant has reported an epoch at which it held no
 * handle of it and no reaper is at work, and makes the next object in the same
 * entry and range. It may be killed between any two stores and starts again from
 * the directory.
 *
 * A participant has two threads. One opens: reads the entry, takes its private
 * reference, looks at state and id again, uses the range, closes. The other
 * reports: reads the removal epoch, and if no handle of a removed object is in the
 * table, tells the daemon. Participant 1 may be killed anywhere; participant 2
 * attaches late. A reaper job may run at any time: it reads the entry and then
 * touches the range as the kind of object that it read.
 *
 * NOBJ objects, one after the other. Checked: whoever touches the range through an
 * entry finds that object's bytes or zeros that nobody has been given since; every
 * removed range is given back at the end; nobody waits for ever.
 *
 * BUG=1 open does not look again after it took its reference
 * BUG=2 the epoch is raised before the entry is REMOVED
 * BUG=3 the epoch is read after the handles were looked through
 * BUG=4 open looks at the state alone again, not at the id
 * BUG=5 the range is punched while a reaper may be at work in it
 * BUG=6 a restarted daemon does not raise the epoch to what entries say
 * BUG=7 the daemon believes an epoch beyond its own
 * BUG=8 a report does not look at the handles
 */
#ifndef NOBJ
#define NOBJ 2
#endif
#ifndef NPART
#define NPART 2
#endif
#ifndef OPENS
#define OPENS 1
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

/* the directory */
byte state, id, removed_epoch, removal_epoch;
byte pstate[NPART + 1];		/* FREE, LIVE, REMOVED = DEAD, not repaired */
byte epoch[NPART + 1];

/* the data area: whose bytes are in the range, and whether it was given back */
byte range_of;

/* private to each participant */
byte table[NPART + 1];		/* the object it has a handle of, 0 = none */
bool killed[NPART + 1], attached[NPART + 1], leaving[NPART + 1];
byte n_threads[NPART + 1];
byte reported[NPART + 1];	/* a QUIESCE on its way, plus 1 */

bool reaping;
byte n_died, n_jobs;
bool over;
byte n_gone;

/* A kill of the process between any two steps of a thread. */
#define STEP(me, body) if \
	:: atomic { !killed[me] -> body } \
	:: atomic { killed[me] -> goto end } \
	:: atomic { me == 1 && n_died < MAXDIE && !killed[me] -> n_died++; killed[me] = 1; goto end } fi

proctype Opener(byte me)
{
	byte n, found;

	do
	:: n < OPENS ->
		/* a consistent copy of the entry: see directory.pml */
		STEP(me, if :: state == LIVE -> found = id :: else -> found = 0 fi);
		if
		:: found != 0 ->
			STEP(me, table[me] = found);
#if BUG == 1
#elif BUG == 4
			STEP(me, if :: state != LIVE -> table[me] = 0; found = 0 :: else fi);
#else
			STEP(me, if :: !(state == LIVE && id == found) -> table[me] = 0; found = 0 :: else fi);
#endif
			if
			:: found != 0 ->
				STEP(me, assert(range_of == found));
				STEP(me, assert(range_of == found));
				STEP(me, table[me] = 0)
			:: else
			fi
		:: else
		fi;
		n++
	:: else -> break
	od;
	/* stays to the end: the range must come back without its death */
	atomic { (state == LIVE && id == NOBJ) || killed[me] };
end:	atomic {
		n = 0; found = 0; n_threads[me]--;
		if :: n_threads[me] == 0 -> leaving[me] = 1 :: else fi
	}
}

/* The handle's object is one that was removed: its entry says so, or has gone on. */
#define HOLDS_REMOVED(me) (table[me] != 0 && !(state == LIVE && id == table[me]))

proctype Reporter(byte me)
{
	byte e;
	bool holds, early;

	do	/* when there is news, and once for no reason */
	:: atomic { !killed[me] && n_threads[me] == 2 && reported[me] == 0 &&
		    (epoch[me] < removal_epoch || !early) ->
		early = early || epoch[me] == removal_epoch };
#if BUG == 3
		STEP(me, holds = HOLDS_REMOVED(me));
		STEP(me, e = removal_epoch);
#else
		STEP(me, e = removal_epoch);
#if BUG == 8
		holds = 0;
#else
		STEP(me, holds = HOLDS_REMOVED(me));
#endif
#endif
#if BUG == 7
		e = e + 1;
#endif
		if
		:: !holds && e > epoch[me] -> STEP(me, reported[me] = e + 1)
		:: else
		fi;
		e = 0; holds = 0
	:: atomic { killed[me] || n_threads[me] < 2 } -> break
	od;
end:	atomic {
		e = 0; holds = 0; early = 0; n_threads[me]--;
		if :: n_threads[me] == 0 -> leaving[me] = 1 :: else fi
	}
}

/* One job: touches the range by what it read in the entry. It may die, too. */
proctype Reaper()
{
	byte found;

	if :: atomic { state != FREE -> found = id } :: atomic { state == FREE } fi;
	if
	:: atomic { found != 0 -> assert(range_of == found || range_of == 0) }
	:: atomic { found == 0 }
	fi;
	atomic { found = 0; reaping = 0 }
}

#define MAY_PUNCH(p) (pstate[p] != LIVE || epoch[p] >= removed_epoch)

proctype Daemon()
{
	byte next = 2, p;
#define DAEMON(body) if :: atomic { body } :: atomic { n_died < MAXDIE -> n_died++; goto restart } fi

loop:	do
	:: atomic { state == LIVE && id < NOBJ } ->
		DAEMON(removed_epoch = removal_epoch + 1);
#if BUG == 2
		DAEMON(removal_epoch = removed_epoch);
		DAEMON(state = REMOVED)
#else
		DAEMON(state = REMOVED);
		DAEMON(removal_epoch = removed_epoch)
#endif
	:: atomic { state == REMOVED && MAY_PUNCH(1) && (NPART < 2 || MAY_PUNCH(NPART)) &&
		    (!reaping || BUG == 5) } ->
		DAEMON(range_of = 0);
		DAEMON(state = FREE);
	:: atomic { state == FREE } ->
		DAEMON(id = next; removed_epoch = 0);
		DAEMON(range_of = next);	/* whoever gets the object writes it */
		DAEMON(next++; state = LIVE)
	:: atomic { reported[1] != 0 -> p = 1 } -> goto report
	:: atomic { reported[NPART] != 0 -> p = NPART };
report:		DAEMON(if
#if BUG == 7
			:: reported[p] - 1 > epoch[p] -> epoch[p] = reported[p] - 1
#else
			:: reported[p] - 1 > epoch[p] && reported[p] - 1 <= removal_epoch -> epoch[p] = reported[p] - 1
#endif
			:: else fi; reported[p] = 0; p = 0)
	:: atomic { !attached[NPART] } ->
		DAEMON(epoch[NPART] = removal_epoch);
		DAEMON(attached[NPART] = 1; pstate[NPART] = LIVE; n_threads[NPART] = 2;
		       run Opener(NPART); run Reporter(NPART))
	:: atomic { leaving[1] && pstate[1] == LIVE -> p = 1 } -> goto died
	:: atomic { leaving[NPART] && pstate[NPART] == LIVE -> p = NPART };
died:		DAEMON(pstate[p] = REMOVED; reported[p] = 0; p = 0)
	:: atomic { !reaping && pstate[1] == REMOVED -> p = 1 } -> goto job
	:: atomic { !reaping && pstate[NPART] == REMOVED -> p = NPART };
job:		DAEMON(reaping = 1; run Reaper());
		atomic { !reaping };
		DAEMON(pstate[p] = FREE; n_gone++; p = 0)
	/* a job for a participant that never used the object */
	:: atomic { !reaping && n_jobs < 1 } -> DAEMON(n_jobs++; reaping = 1; run Reaper())
	:: atomic { n_gone == NPART && state == LIVE && id == NOBJ && !reaping } -> break
	od;
	goto end;
restart:
	p = 0;
	atomic { !reaping };	/* the old reaper is surely gone */
	atomic {
		if
		:: state == REMOVED && removed_epoch > removal_epoch && BUG != 6 -> removal_epoch = removed_epoch
		:: else
		fi;
		next = id + (state != FREE)
	};
	goto loop;
end:	skip
}

init {
	atomic {
		state = LIVE; id = 1; range_of = 1;
		pstate[1] = LIVE; attached[1] = 1; n_threads[1] = 2;
		run Daemon(); run Opener(1); run Reporter(1)
	}
}
