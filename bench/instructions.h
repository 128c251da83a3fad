/* SPDX-License-Identifier: MIT */
#ifndef BENCH_INSTRUCTIONS_H
#define BENCH_INSTRUCTIONS_H

/* instructions.h - what is counted: calls as a program makes them, alone and without a wait */

struct instructions_op {
	const char *name;	/* kind.operation.bytes */
	/* So that one() succeeds @n times; not counted. NULL: nothing is needed. */
	void (*prepare)(unsigned int n);
	/* The call in a function of its own. Return: 0. */
	int (*one)(void);
};

/* Ends with a name of NULL. The first is a function that does nothing. */
extern const struct instructions_op instructions_ops[];

/* Makes all objects, in a daemon's segment; exits with a sentence. */
void instructions_open(void);
void instructions_close(void);

#endif /* BENCH_INSTRUCTIONS_H */
