/* SPDX-License-Identifier: MIT */
#ifndef SHMREG_TESTS_SYSCALLS_H
#define SHMREG_TESTS_SYSCALLS_H

/*
 * syscalls.h - syscall(2) in libc's place, by which the library sleeps, wakes and makes others fence
 *
 * For programs that have the library's structures in them, whose calls then come here.
 */

/* Called with the call's number, in whatever thread; NULL: not. errno is kept. */
extern void (*syscalls_before)(long number);
extern void (*syscalls_behind)(long number);

#endif /* SHMREG_TESTS_SYSCALLS_H */
