/* SPDX-License-Identifier: MIT */
/*
 * attach.pml - CREATE and OPEN exactly once: replies are lost, the daemon is
 * killed and started again, the client may be killed anywhere
 *
 * A client creates (or opens, if it is there: client 2) one segment. Each call has
 * one nonce. A lost connection is made again and the same request sent again.
 *
 * What lasts: the directory as far as it has been written, once the fd store has
 * both descriptors; a daemon that is killed before takes the segment with it,
 * though a client that was answered would go on in memory nobody knows. The store
 * acknowledges later (BARRIER).
 *
 * Checked: an answered client has a participant entry of its own in a segment that
 * the registry knows, until it dies; a call makes one segment and one entry at
 * most; two clients end in the same segment; the dead leave nothing.
 *
 * BUG=1 CREATE is answered before the store has it
 * BUG=2 a repeated request is not recognised by its nonce
 * BUG=3 the answer comes before the entry is in the directory
 * BUG=4 the client takes a new nonce when it repeats
 * BUG=5 a restarted daemon keeps a directory without its data
 * BUG=6 a restarted daemon does not look who died meanwhile
 * BUG=7 a repeat is recognised by nonce alone, and another process's entry is given out
 */
#ifndef MAXDIE
#define MAXDIE 2	/* deaths of the daemon */
#endif
#ifndef BUG
#define BUG 0
#endif
#define NC 2
#define NENTRY 3

/* the fd store: which descriptors it has */
bool stored_dir, stored_data;
/* the segment; lost with the daemon unless both are stored */
byte seg;			/* 0 none, else its id */
byte entry_client[NENTRY], entry_nonce[NENTRY];	/* participants; 0 = free */
byte next_seg = 1;
bool store_dir_sent, store_data_sent;

chan request[NC] = [1] of { byte };	/* nonce; client c uses request[c] */
chan reply[NC] = [1] of { byte, byte };	/* segment, entry */
byte connection[NC];		/* generation of the daemon it is connected to */
byte generation = 1;		/* raised when the daemon starts */
bool dead[NC], answered[NC];
byte got_seg[NC], got_entry[NC];
byte n_died, n_made;
bool disposed;
byte done;

proctype Client(byte me)
{
	byte nonce, s, e;
#define STEP(act) if :: atomic { act } :: atomic { dead[me] = 1; goto end } fi

	/* nonces are random; two processes may have the same by malice */
	nonce = (BUG == 7 -> 1 : me + 1);
connect:
	STEP(connection[me] = generation);
	STEP(request[me]!nonce);
	if
	:: atomic { reply[me]?s,e ->
		answered[me] = 1; got_seg[me] = s; got_entry[me] = e }
	:: atomic { connection[me] != generation && empty(reply[me]) } ->	/* hang-up */
		if :: atomic { request[me]?_ } :: atomic { empty(request[me]) } fi;
#if BUG == 4
		nonce = nonce + 2;
#endif
		goto connect
	:: atomic { dead[me] = 1; goto end }
	fi;
	/* uses it, for a while, and dies in the end: leaving is the same to the daemon */
	STEP(assert(seg == got_seg[me] && entry_client[got_entry[me]] == me + 1));
	STEP(assert(seg == got_seg[me] && entry_client[got_entry[me]] == me + 1));
	if
	:: atomic { answered[1 - me] && !dead[1 - me] ->
		assert(got_seg[0] == got_seg[1] && got_entry[0] != got_entry[1]) }
	:: skip
	fi;
	dead[me] = 1;
end:	done++
}

#define ENTRY_OF_DEAD(i) (entry_client[i] != 0 && dead[entry_client[i] - 1])
#define MINE(i, c, n) (entry_client[i] != 0 && entry_nonce[i] == (n) && \
	(BUG == 7 || entry_client[i] == (c) + 1))
#define STORED (stored_dir && stored_data)

proctype Daemon()
{
	byte c, n, i, mine;
	bool blind;
#define DAEMON(act) if :: atomic { act } :: atomic { n_died < MAXDIE -> n_died++; goto killed } fi
	/* An answer: it is lost if the client hung up, has died, or we die now. */
#define ANSWER(s, e) if \
	:: atomic { !dead[c] && connection[c] == generation -> reply[c]!s,e } \
	:: atomic { dead[c] || connection[c] != generation } \
	:: atomic { n_died < MAXDIE -> n_died++; goto killed } fi

loop:	do
	:: atomic { connection[0] == generation && nempty(request[0]) -> request[0]?n; c = 0 } -> goto serve
	:: atomic { connection[1] == generation && nempty(request[1]) -> request[1]?n; c = 1 };
serve:		if
		:: seg == 0 ->
			/* a fresh segment: both descriptors go to the store */
			DAEMON(seg = next_seg; next_seg++; n_made++; stored_dir = 0; stored_data = 0);
			DAEMON(store_dir_sent = 1);
			DAEMON(store_data_sent = 1)
		:: else
		fi;
		atomic {
			mine = NENTRY; i = 0;
			do
			:: i < NENTRY && !(MINE(i, c, n) && BUG != 2) -> i++
			:: i < NENTRY && MINE(i, c, n) && BUG != 2 -> mine = i; break
			:: i == NENTRY -> break
			od
		};
		if
		:: mine == NENTRY ->
			atomic {
				i = 0;
				do :: i < NENTRY && entry_client[i] != 0 -> i++ :: else -> break od;
				assert(i < NENTRY)
			};
#if BUG == 3
			ANSWER(seg, i);
#endif
			DAEMON(entry_nonce[i] = n; entry_client[i] = c + 1)
		:: else -> i = mine
		fi;
#if BUG != 1
		/* its answer waits for the store; in C the loop goes on meanwhile */
		if
		:: atomic { STORED }
		:: atomic { n_died < MAXDIE -> n_died++; goto killed }
		fi;
#endif
#if BUG != 3
		ANSWER(seg, i);
#endif
		atomic { c = 0; n = 0; i = 0; mine = 0 }
	:: atomic { !blind && (ENTRY_OF_DEAD(0) || ENTRY_OF_DEAD(1) || ENTRY_OF_DEAD(2)) } ->
		atomic { i = 0; do :: !ENTRY_OF_DEAD(i) -> i++ :: else -> break od };
		DAEMON(entry_client[i] = 0; entry_nonce[i] = 0);
		i = 0;
		if	/* while-attached: the last one is gone */
		:: atomic { entry_client[0] == 0 && entry_client[1] == 0 && entry_client[2] == 0 } ->
			DAEMON(seg = 0; stored_dir = 0; stored_data = 0; store_dir_sent = 0; store_data_sent = 0)
		:: atomic { entry_client[0] != 0 || entry_client[1] != 0 || entry_client[2] != 0 }
		fi
	:: atomic { done == NC && (blind || !(ENTRY_OF_DEAD(0) || ENTRY_OF_DEAD(1) || ENTRY_OF_DEAD(2))) } -> break
	od;
	goto end;
killed:	atomic {
		c = 0; n = 0; i = 0; mine = 0; blind = 0;
		/* what was sent to the store arrives, though we are no more */
		if :: store_dir_sent -> stored_dir = 1 :: store_dir_sent :: else fi;
		if :: store_data_sent -> stored_data = 1 :: store_data_sent :: else fi;
		store_dir_sent = 0; store_data_sent = 0;
		if
		:: !STORED && !(BUG == 5 && stored_dir) ->	/* a half is discarded, and its participants */
			seg = 0; stored_dir = 0; stored_data = 0;
			do
			:: i < NENTRY -> entry_client[i] = 0; entry_nonce[i] = 0; i++
			:: else -> break
			od
		:: else
		fi;
		assert(seg == 0 || STORED);
		i = 0;
#if BUG == 6
		blind = 1;
#endif
		if	/* nobody came: dispose of what nobody uses */
		:: entry_client[0] == 0 && entry_client[1] == 0 && entry_client[2] == 0 ->
			seg = 0; stored_dir = 0; stored_data = 0
		:: else
		fi;
		generation++
	};
	goto loop;
end:	assert(seg == 0 && entry_client[0] == 0 && entry_client[1] == 0 && entry_client[2] == 0)
}

/* The store takes what was sent when it likes, unless we are killed before. */
proctype Store()
{
end:	do
	:: atomic { store_dir_sent -> stored_dir = 1; store_dir_sent = 0 }
	:: atomic { store_data_sent -> stored_data = 1; store_data_sent = 0 }
	od
}

init {
	atomic { run Daemon(); run Store(); run Client(0); run Client(1) }
}
