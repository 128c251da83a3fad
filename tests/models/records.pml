/* SPDX-License-Identifier: MIT */
/*
 * records.pml - shmreg/abi/ring.h: a ring of records; producers, consumers and observers die anywhere
 *
 * Memory is CAP cells, a record takes 1 or 2 of them: its header (length and number), and a second
 * one with the number again. The tail counts cells, with the flip that says which count belongs
 * to it; so does the head. Roles are taken by compare-and-swap, and given
 * back by the reaper once their holder is dead, which may itself die and be run again.
 *
 * Checked: who consumes gets record 0, 1, 2, ... whole, and again only what a dead one had not
 * passed; a counter and its count change together, for the successor as for who looks; nothing
 * of one who died behind the tail is seen; the ring never holds more than CAP cells; in the end
 * all is through (no wedge).
 *
 *	-DN=records	-DMAXDIE=deaths	-DLOOK=1 somebody looks
 *	-DBUG=1 the counter is stored before the record	-DBUG=2 the count of the present counter is
 *	written	-DBUG=3 the successor keeps the count of its predecessor's next	-DBUG=4 who looks
 *	does not look at the counter again	-DBUG=5 the head is stored before the copy
 *	-DBUG=6 the reaper takes the role of the living	-DBUG=7 a record may wrap
 *	-DBUG=8 padding is published by itself, before the record is there
 */
#ifndef N
#define N 3
#endif
#ifndef MAXDIE
#define MAXDIE 2
#endif
#ifndef BUG
#define BUG 0
#endif
#define CAP 4
#define NONE 0
#define PAD 3

/* Actors: 1 and 2 want to produce, 3 and 4 to consume. A seat is used once. */
#define LENGTH(n) (2 - (n) % 2)	/* 2, 1, 2: the third meets the end */

byte length[CAP], number[CAP];	/* header: length, number; a second cell: number only */
byte tail, head;		/* positions; do not wrap here: N is small */
bit tflip, hflip;		/* stored together with them: see PUBLISH */
byte n_written[2], n_read[2];
byte producer, consumer;	/* roles */
bool dead[5];		/* who waits may wait for ever, if all who could help are dead: init knows */
byte n_dead;
byte next_out;			/* record that is to be consumed next */

#define DIE(me) if :: n_dead < MAXDIE -> n_dead++; dead[me] = true; goto gone :: true fi

proctype produces(byte me)
{
	byte t, n, at, size;
	bit flip;

endrole:
	/* nobody else changes what is read here, so it is one step */
	atomic {
		producer == NONE -> producer = me;
		t = tail;
		flip = tflip;
		n = n_written[flip];
		if :: BUG == 3 -> n = n_written[1 - flip] :: else fi
	}
again:
	atomic {
		if :: n >= N -> goto done :: else fi;
		size = LENGTH(n);
		at = t;
		/* a record does not wrap: padding fills the rest */
		if
		:: BUG != 7 && t % CAP + size > CAP -> at = t + (CAP - t % CAP)
		:: else
		fi
	}
	/* room: one look at the head */
endroom:
	(at + size - head <= CAP);
	DIE(me);
	if
	:: at != t ->
		length[t % CAP] = PAD;
		DIE(me);
		if
		:: BUG == 8 -> atomic { tail = at; tflip = flip }; DIE(me); t = at
		:: else
		fi
	:: else
	fi;
	if
	:: BUG == 1 ->
		n_written[1 - flip] = n + 1;
		atomic { tail = at + size; tflip = 1 - flip };
		DIE(me)
	:: else
	fi;
	/* the record, a cell at a time */
	length[at % CAP] = size;
	DIE(me);
	number[at % CAP] = n;
	DIE(me);
	if
	:: size == 2 -> number[(at + 1) % CAP] = n; DIE(me)
	:: else
	fi;
	if
	:: BUG == 1
	:: BUG == 2 ->
		n_written[flip] = n + 1;
		DIE(me);
		atomic { tail = at + size; tflip = flip };
		flip = 1 - flip
	:: else ->
		n_written[1 - flip] = n + 1;		/* N */
		DIE(me);
		atomic { tail = at + size; tflip = 1 - flip }	/* P: one word */
	fi;
	assert(tail - head <= CAP);
	atomic { flip = 1 - flip; n = n + 1; t = at + size };
	DIE(me);
	goto again;
done:
	atomic { producer == me -> producer = NONE };
gone:
	atomic { t = 0; n = 0; at = 0; size = 0; flip = 0 }	/* forgotten: fewer states */
}

proctype consumes(byte me)
{
	byte h, n, at, size, a, b, seen;
	bit flip;

endrole:
	atomic {
		consumer == NONE -> consumer = me;
		h = head;
		flip = hflip;
		n = n_read[flip];
		/* the counter and the count agree, and nobody else is at work */
		assert(n == next_out)
	}
again:
	if :: n >= N -> goto done :: else fi;
endmore:
	atomic { tail != h -> seen = tail };
	/* once; what is below the tail nobody changes */
	atomic {
		at = h;
		if
		:: length[at % CAP] == PAD ->
			at = at + (CAP - at % CAP);
			/* padding is followed by a record */
			assert(at < seen)
		:: else
		fi;
		size = length[at % CAP];
		assert(size == LENGTH(n));
		assert(at % CAP + size <= CAP && at + size <= seen)
	}
	if
	:: BUG == 5 -> n_read[1 - flip] = n + 1; atomic { head = at + size; hflip = 1 - flip; next_out = n + 1 }
	:: else
	fi;
	atomic {
		a = number[at % CAP];
		b = number[(at + size - 1) % CAP];
		assert(a == n && b == n);
		a = 0;
		b = 0
	}
	DIE(me);
	if
	:: BUG == 5
	:: else ->
		n_read[1 - flip] = n + 1;
		DIE(me);
		atomic { head = at + size; hflip = 1 - flip; next_out = n + 1 }	/* C: one word */
	fi;
	atomic { flip = 1 - flip; n = n + 1; h = at + size; seen = 0 };
	DIE(me);
	goto again;
done:
	atomic { consumer == me -> consumer = NONE };
gone:
	atomic { h = 0; n = 0; at = 0; size = 0; seen = 0; flip = 0 }
}

/* Looks at the tail and its count: no count is seen that does not belong to its counter. */
byte position_of[N + 1];	/* the tail when so many records were written; filled below */

#ifndef LOOK
#define LOOK 0
#endif
active [LOOK] proctype looks()
{
	byte t, n;
	bit flip;

	atomic { t = tail; flip = tflip };			/* P': one word */
	n = n_written[flip];					/* N' */
	if
	:: BUG == 4 || (tail == t && tflip == flip) -> assert(position_of[n] == t)
	:: else
	fi
}

/* One reaper at a time, of one compare-and-swap a role: killed in between, it is run again. */
active proctype reaps()
{
end:
	do
	:: atomic { producer != NONE && dead[producer] -> producer = NONE }
	:: atomic { BUG == 6 && producer != NONE -> producer = NONE }
	:: atomic { consumer != NONE && dead[consumer] -> consumer = NONE }
	od
}

init
{
	byte i, at;

	atomic {
		for (i : 0 .. N - 1) {
			if :: at % CAP + LENGTH(i) > CAP -> at = at + (CAP - at % CAP) :: else fi;
			at = at + LENGTH(i);
			position_of[i + 1] = at
		}
		run produces(1); run produces(2); run consumes(3); run consumes(4)
	}
	/* with two dead of a kind nobody is left to go on */
	(next_out == N || (dead[1] && dead[2]) || (dead[3] && dead[4]))
}
