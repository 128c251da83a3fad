/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "segment-fixture.h"

START_TEST(create_open_close)
{
	struct shmreg_segment *a, *b, *none = (void *)&plain;
	unsigned char *data_a;
	const unsigned char *data_b;
	int created = -1;

	harness_ok(shmreg_segment_create(c, &a, "team/seg", &plain));
	harness_result(shmreg_segment_create(c, &none, "team/seg", &plain), -EEXIST);
	harness_sentence("team/seg");
	ck_assert_ptr_eq(none, (void *)&plain);
	harness_ok(shmreg_segment_open(c, &b, "team/seg", SHMREG_ACCESS_WRITE));
	ck_assert_uint_ne(shmreg_segment_participant(a), shmreg_segment_participant(b));
	ck_assert_str_eq(shmreg_segment_dir(a)->name, "team/seg");
	ck_assert_uint_eq(shmreg_segment_dir(a)->data_bytes, 1 << 20);

	data_a = (unsigned char *)(uintptr_t)shmreg_segment_data(a);
	data_b = shmreg_segment_data(b);
	ck_assert_ptr_ne(data_a, data_b);
	data_a[4711] = 42;
	ck_assert_uint_eq(data_b[4711], 42);

	ck_assert_ptr_null(shmreg_segment_close(b));
	ck_assert_ptr_null(shmreg_segment_close(NULL));
	harness_ok(shmreg_segment_open_or_create(c, &b, "team/seg", &plain, &created));
	ck_assert_int_eq(created, 0);
	shmreg_segment_close(b);
	shmreg_segment_close(a);
	harness_result(shmreg_segment_open(c, &b, "team/seg", SHMREG_ACCESS_READ), -ENOENT);
	harness_sentence("team/seg");
	harness_ok(shmreg_segment_open_or_create(c, &b, "team/seg", &plain, &created));
	ck_assert_int_eq(created, 1);
	shmreg_segment_close(b);
}
END_TEST

START_TEST(bad_names)
{
	static const struct {
		const char *name;
		int error;
	} cases[] = {
		{ "", -EINVAL }, { "/a", -EINVAL }, { "a/", -EINVAL }, { "a//b", -EINVAL },
		{ "..", -EINVAL }, { "a/../b", -EINVAL }, { ".", -EINVAL }, { "a b", -EINVAL },
		{ "\303\244", -EINVAL }, { NULL, -EINVAL },
	};
	char long_name[SHMREG_SEGMENT_NAME_MAX + 2];
	struct shmreg_segment_info info;
	struct shmreg_segment *s = NULL;
	unsigned int i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		harness_result(shmreg_segment_create(c, &s, cases[i].name, &plain), cases[i].error);
		harness_result(shmreg_segment_open(c, &s, cases[i].name, SHMREG_ACCESS_READ),
			       cases[i].error);
		harness_result(shmreg_segment_remove(c, cases[i].name), cases[i].error);
		harness_result(shmreg_segment_describe(c, cases[i].name, &info, NULL), cases[i].error);
		ck_assert_uint_gt(strlen(shmreg_error()), 10);
	}
	memset(long_name, 'x', sizeof(long_name));
	long_name[sizeof(long_name) - 1] = '\0';
	harness_result(shmreg_segment_create(c, &s, long_name, &plain), -ENAMETOOLONG);
	long_name[SHMREG_SEGMENT_NAME_MAX] = '\0';
	harness_ok(shmreg_segment_create(c, &s, long_name, &plain));
	shmreg_segment_close(s);
}
END_TEST

START_TEST(bad_parameters)
{
	struct shmreg_segment_params p;
	struct shmreg_segment *s = NULL;

	harness_result(shmreg_segment_create(c, &s, "x", NULL), -EINVAL);
#define REFUSED(field, value, error) \
	do { \
		p = plain; \
		p.field = (value); \
		harness_result(shmreg_segment_create(c, &s, "x", &p), error); \
		ck_assert_uint_gt(strlen(shmreg_error()), 10); \
	} while (0)
	REFUSED(bytes, 0, -EINVAL);
	REFUSED(bytes, SHMREG_DATA_BYTES_MAX + 1, -EINVAL);
	REFUSED(bytes, UINT64_MAX, -EINVAL);
	REFUSED(mode, 01000, -EINVAL);
	REFUSED(mode, 0700, -EINVAL);
	REFUSED(lifetime, 3, -EINVAL);
	REFUSED(flags, 0x80, -EINVAL);
	REFUSED(max_participants, SHMREG_PARTICIPANTS_MAX + 1, -EINVAL);
	REFUSED(max_objects, SHMREG_OBJECTS_MAX + 1, -EINVAL);
	REFUSED(n_seats, SHMREG_SEATS, -EINVAL);
	REFUSED(size, 0, -EINVAL);
	harness_result(shmreg_segment_create(NULL, &s, "x", &plain), -EINVAL);
	harness_result(shmreg_segment_open(NULL, &s, "x", SHMREG_ACCESS_READ), -EINVAL);
	harness_result(shmreg_segment_open(c, &s, "x", 0), -EINVAL);
	harness_result(shmreg_segment_open(c, &s, "x", 8), -EINVAL);
	harness_result(shmreg_segment_open_or_create(c, NULL, "x", &plain, NULL), -EINVAL);
	harness_result(shmreg_segment_set(c, "x", NULL), -EINVAL);
	/* nobody attached needs a lifetime that lets it live */
	harness_result(shmreg_segment_create(c, NULL, "x", &plain), -EINVAL);
	ck_assert_int_eq(harness_n_segments(), 0);
}
END_TEST

static void *fault_address;
static void on_fault(int signal, siginfo_t *info, void *context)
{
	(void)signal;
	(void)context;
	_exit(info->si_addr == fault_address ? 42 : 43);
}

static void write_to_read_only(const struct mouth *mouth, void *arg)
{
	const struct sigaction action = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO };
	struct shmreg_connection *mine = harness_connect();
	struct shmreg_segment *s = NULL;

	(void)arg;
	harness_ok(shmreg_segment_open(mine, &s, "seg", SHMREG_ACCESS_READ));
	fault_address = (void *)(uintptr_t)shmreg_segment_data(s);
	/* nor can it be made writable */
	if (mprotect(fault_address, 4096, PROT_READ | PROT_WRITE) == 0)
		_exit(44);
	tell(mouth, *(const int *)fault_address);
	sigaction(SIGSEGV, &action, NULL);
	*(volatile int *)fault_address = 1;
	_exit(45);
}

START_TEST(read_only_is_read_only)
{
	struct shmreg_segment *s = NULL;
	struct process p;

	harness_ok(shmreg_segment_create(c, &s, "seg", &plain));
	*(int *)(uintptr_t)shmreg_segment_data(s) = 17;
	process_start(&p, write_to_read_only, NULL);
	process_expect(&p, 17);
	ck_assert_int_eq(WEXITSTATUS(process_wait(&p)), 42);
	ck_assert_int_eq(*(const int *)shmreg_segment_data(s), 17);
	shmreg_segment_close(s);
}
END_TEST

static int count_names(void *data, const struct shmreg_segment_info *info)
{
	int *n = data;

	ck_assert_uint_ne(info->access, 0);
	n[0]++;
	if (strcmp(info->name, "seg/7") == 0)
		n[1]++;
	return n[0] == n[2] ? 4711 : 0;
}

START_TEST(administration)
{
	struct shmreg_segment_params kept = plain;
	struct shmreg_set set = { .what = SHMREG_SET_MODE | SHMREG_SET_LIFETIME, .mode = 0640,
				  .lifetime = SHMREG_UNTIL_REMOVED };
	const struct shmreg_dir *dir;
	struct shmreg_segment_info info;
	struct shmreg_stats_reply stats;
	struct shmreg_segment *s[11];
	int n[3] = { 0, 0, 0 }, i;
	char name[16];

	for (i = 0; i < 11; i++) {
		snprintf(name, sizeof(name), "seg/%d", i);
		harness_ok(shmreg_segment_create(c, &s[i], name, &plain));
	}
	harness_ok(shmreg_segment_list(c, count_names, n));
	ck_assert_int_eq(n[0], 11);
	ck_assert_int_eq(n[1], 1);
	n[0] = 0;
	n[2] = 6;
	harness_result(shmreg_segment_list(c, count_names, n), 4711);
	ck_assert_int_eq(n[0], 6);

	harness_ok(shmreg_segment_describe(c, "seg/7", &info, &dir));
	ck_assert_str_eq(info.name, "seg/7");
	ck_assert_uint_eq(info.n_participants, 1);
	ck_assert_uint_eq(info.data_bytes, plain.bytes);
	ck_assert_uint_eq(info.mode, 0600);
	ck_assert_uint_eq(dir->segment, info.segment);
	ck_assert_ptr_null(shmreg_dir_unmap(dir));
	harness_result(shmreg_segment_describe(c, "no", &info, NULL), -ENOENT);

	harness_ok(shmreg_segment_set(c, "seg/7", &set));
	harness_ok(shmreg_segment_describe(c, "seg/7", &info, NULL));
	ck_assert_uint_eq(info.mode, 0640);
	ck_assert_uint_eq(info.lifetime, SHMREG_UNTIL_REMOVED);
	set.mode = 0111;
	harness_result(shmreg_segment_set(c, "seg/7", &set), -EINVAL);

	harness_ok(shmreg_stats(c, getuid(), &stats));
	ck_assert_uint_eq(stats.usage[SHMREG_RESOURCE_SEGMENTS].used, 11);
	harness_ok(shmreg_stats(c, UINT32_MAX, &stats));
	ck_assert_uint_eq(stats.usage[SHMREG_RESOURCE_PARTICIPANTS].used, 11);

	for (i = 0; i < 11; i++)
		shmreg_segment_close(s[i]);
	ck_assert_int_eq(harness_n_segments(), 1);
	harness_ok(shmreg_segment_remove(c, "seg/7"));
	harness_result(shmreg_segment_remove(c, "seg/7"), -ENOENT);

	kept.lifetime = SHMREG_UNTIL_REMOVED;
	harness_ok(shmreg_segment_create(c, NULL, "kept", &kept));
	harness_ok(shmreg_segment_describe(c, "kept", &info, NULL));
	ck_assert_uint_eq(info.n_participants, 0);
	harness_ok(shmreg_segment_remove(c, "kept"));
}
END_TEST

START_TEST(removed_goes_on)
{
	struct shmreg_segment *old, *new;
	uint64_t *data;

	harness_ok(shmreg_segment_create(c, &old, "seg", &plain));
	data = (uint64_t *)(uintptr_t)shmreg_segment_data(old);
	data[0] = 1;
	harness_ok(shmreg_segment_remove(c, "seg"));
	harness_result(shmreg_segment_open(c, &new, "seg", SHMREG_ACCESS_READ), -ENOENT);
	harness_ok(shmreg_segment_create(c, &new, "seg", &plain));
	ck_assert_uint_eq(*(const uint64_t *)shmreg_segment_data(new), 0);
	ck_assert_uint_eq(data[0], 1);
	ck_assert_uint_eq(shmreg_segment_dir(old)->state, SHMREG_DIR_REMOVED);
	shmreg_segment_close(old);
	shmreg_segment_close(new);
}
END_TEST

SHMREG_DEFINE_ATOMIC(counter, uint64_t);

START_TEST(many_seats)
{
	struct shmreg_segment_params p = plain;
	const struct shmreg_shape any = {
		.kind = SHMREG_KIND_QUEUE, .layout = SHMREG_QUEUE_LAYOUT,
	};
	const struct shmreg_shape shape = {
		.kind = SHMREG_KIND_QUEUE, .layout = SHMREG_QUEUE_LAYOUT,
		.elem_align = 8, .elem_bytes = 8, .capacity = 16,
	};
	struct shmreg_handle *q[200], *r;
	uint64_t seen[64] = { 0 };
	struct shmreg_segment *s = NULL;
	unsigned int i;

	p.n_seats = 100; /* more than fit an answer */
	harness_ok(shmreg_segment_create(c, &s, "seg", &p));
	harness_ok(shmreg_object_open(s, &q[0], SHMREG_OBJECT_CREATE | SHMREG_OBJECT_SEAT, "q",
				      &shape, "t", sizeof(*q[0])));
	for (i = 1; i < 200; i++)
		harness_ok(shmreg_object_open(s, &q[i], SHMREG_OBJECT_ATTACH | SHMREG_OBJECT_SEAT,
					      "q", &any, NULL, sizeof(*q[i])));
	for (i = 0; i < 200; i++) {
		const uint32_t seat = q[i]->seat;
		const uint64_t *users = (const uint64_t *)(const void *)
			(q[i]->base + offsetof(struct shmreg_queue_shm, users));

		ck_assert_uint_gt(seat, 0);
		ck_assert_uint_lt(seat, SHMREG_SEATS);
		ck_assert_uint_eq(seen[seat / 64] >> seat % 64 & 1, 0);
		seen[seat / 64] |= UINT64_C(1) << seat % 64;
		ck_assert_uint_eq(users[seat / 64] >> seat % 64 & 1, 1);
		ck_assert_uint_eq(shmreg_dir_seats(shmreg_segment_dir(s))[seat],
				  shmreg_segment_participant(s) << 8 | SHMREG_SEAT_LIVE);
	}
	/* another object's handle may share */
	harness_ok(shmreg_object_open(s, &r, SHMREG_OBJECT_CREATE | SHMREG_OBJECT_SEAT, "r", &shape,
				      "t", sizeof(*r)));
	ck_assert_uint_ne(seen[r->seat / 64] >> r->seat % 64 & 1, 0);
	shmreg_segment_close(s);
}
END_TEST

START_TEST(life_cycle)
{
	struct shmreg_connection *events = harness_subscribe();
	struct shmreg_segment *s = NULL;
	struct shmreg_event event;
	struct counter *n = NULL;

	harness_ok(shmreg_segment_create(c, &s, "seg", &plain));
	harness_wait_event(events, SHMREG_EVENT_CREATED, "seg", NULL);
	harness_wait_event(events, SHMREG_EVENT_ATTACHED, "seg", &event);
	ck_assert_uint_eq(event.pid, (unsigned int)getpid());
	ck_assert_uint_eq(event.participant, shmreg_segment_participant(s));
	harness_ok(counter_create(s, &n, "n"));
	harness_wait_event(events, SHMREG_EVENT_OBJECT_CREATED, "seg", &event);
	ck_assert_str_eq(event.object_name, "n");
	shmreg_segment_close(s);
	harness_wait_event(events, SHMREG_EVENT_DETACHED, "seg", NULL);
	harness_wait_event(events, SHMREG_EVENT_DISPOSED, "seg", NULL);
	shmreg_disconnect(events);
}
END_TEST

static bool descriptor_of(const char *what)
{
	char path[64], target[256];
	ssize_t n;
	int fd;

	for (fd = 0; fd < 1024; fd++) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		n = readlink(path, target, sizeof(target) - 1);
		if (n <= 0)
			continue;
		target[n] = '\0';
		if (strstr(target, what) != NULL)
			return true;
	}
	return false;
}

START_TEST(no_descriptor_kept)
{
	struct shmreg_segment *s = NULL;

	harness_ok(shmreg_segment_create(c, &s, "seg", &plain));
	ck_assert(!descriptor_of("memfd:"));
	shmreg_segment_close(s);
}
END_TEST

/* Who locks what is to come, too, needs the limit for all of a segment. */
START_TEST(all_memory_locked)
{
	const struct rlimit little = { 1 << 20, 1 << 20 };
	struct shmreg_segment_params params = { .size = sizeof(params), .bytes = 4 << 20 };
	struct shmreg_segment *s = NULL;

	/* Root may lock any number of pages. */
	if (geteuid() == 0)
		ck_assert_int_eq(seteuid(65534), 0);
	ck_assert_int_eq(setrlimit(RLIMIT_MEMLOCK, &little), 0);
	ck_assert_int_eq(mlockall(MCL_FUTURE), 0);
	harness_result(shmreg_segment_create(c, &s, "seg", &params), -EAGAIN);
	harness_sentence("mlockall");
	ck_assert_int_eq(munlockall(), 0);
	if (getuid() == 0)
		ck_assert_int_eq(seteuid(0), 0);
	ck_assert_int_eq(harness_n_segments(), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("segment");
	TCase *tcase = harness_case(suite, "daemon");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, create_open_close);
	tcase_add_test(tcase, bad_names);
	tcase_add_test(tcase, bad_parameters);
	tcase_add_test(tcase, read_only_is_read_only);
	tcase_add_test(tcase, administration);
	tcase_add_test(tcase, removed_goes_on);
	tcase_add_test(tcase, many_seats);
	tcase_add_test(tcase, life_cycle);
	tcase_add_test(tcase, no_descriptor_kept);
	tcase_add_test(tcase, all_memory_locked);
	return harness_main(suite);
}

