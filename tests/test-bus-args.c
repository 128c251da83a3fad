/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bus-address.h"
#include "bus-args.h"
#include "suite.h"

static char error[SHMREG_ERROR_MAX + 1];

static void refuses_target(const char *text, int r, const char *sentence)
{
	struct shmreg_target target = { .segment = 7 };

	ck_assert_int_eq(bus_parse_target(&target, text, error), r);
	ck_assert_msg(strstr(error, sentence), "'%s' does not say '%s'", error, sentence);
	ck_assert_uint_eq(target.segment, 7);
}

START_TEST(targets)
{
	struct shmreg_target target;
	char longest[SHMREG_SEGMENT_NAME_MAX + 2];

	ck_assert_int_eq(bus_parse_target(&target, "a/b", error), 0);
	ck_assert_str_eq(target.name, "a/b");
	ck_assert_uint_eq(target.segment, 0);
	/* A name may look like a number: an id has its sign. */
	ck_assert_int_eq(bus_parse_target(&target, "17", error), 0);
	ck_assert_str_eq(target.name, "17");
	ck_assert_int_eq(bus_parse_target(&target, "#17", error), 0);
	ck_assert_str_eq(target.name, "");
	ck_assert_uint_eq(target.segment, 17);
	ck_assert_int_eq(bus_parse_target(&target, "#18446744073709551615", error), 0);
	ck_assert_uint_eq(target.segment, UINT64_MAX);

	memset(longest, 'a', sizeof(longest));
	longest[SHMREG_SEGMENT_NAME_MAX + 1] = '\0';
	refuses_target(longest, -ENAMETOOLONG, "127 bytes");
	longest[SHMREG_SEGMENT_NAME_MAX] = '\0';
	ck_assert_int_eq(bus_parse_target(&target, longest, error), 0);
	ck_assert_str_eq(target.name, longest);
}
END_TEST

START_TEST(bad_targets)
{
	refuses_target("", -EINVAL, "is no segment's name");
	refuses_target("a//b", -EINVAL, "an id is written \"#17\"");
	refuses_target("../a", -EINVAL, "is no segment's name");
	refuses_target("#", -EINVAL, "such as \"#17\"");
	refuses_target("#0", -EINVAL, "from 1 on");
	refuses_target("#-1", -EINVAL, "from 1 on");
	refuses_target("#+1", -EINVAL, "from 1 on");
	refuses_target("# 1", -EINVAL, "from 1 on");
	refuses_target("#1 ", -EINVAL, "from 1 on");
	refuses_target("#0x11", -EINVAL, "from 1 on");
	refuses_target("#18446744073709551616", -EINVAL, "from 1 on");
}
END_TEST

START_TEST(words)
{
	enum shmreg_resource resource;
	uint32_t lifetime;

	for (uint32_t i = 0; i <= SHMREG_WITH_CREATOR; i++) {
		ck_assert_int_eq(bus_parse_lifetime(&lifetime, bus_lifetime_name(i), error), 0);
		ck_assert_uint_eq(lifetime, i);
	}
	for (unsigned int i = 0; i < SHMREG_N_RESOURCES; i++) {
		ck_assert_int_eq(bus_parse_resource(&resource,
						    bus_resource_name((enum shmreg_resource)i), error), 0);
		ck_assert_uint_eq(resource, i);
	}
	ck_assert_int_eq(bus_parse_lifetime(&lifetime, "", error), -EINVAL);
	ck_assert(strstr(error, "with-creator"));
	ck_assert_int_eq(bus_parse_resource(&resource, "max-segments-per-uid", error), -EINVAL);
	ck_assert(strstr(error, "reserved-bytes"));
	ck_assert_str_eq(bus_lifetime_name(3), "unknown");
	ck_assert_str_eq(bus_access_name(0), "none");
	ck_assert_str_eq(bus_access_name(SHMREG_ACCESS_READ), "read");
	ck_assert_str_eq(bus_access_name(SHMREG_ACCESS_READ | SHMREG_ACCESS_WRITE), "read-write");
	ck_assert_str_eq(bus_state_name(SHMREG_DIR_LIVE, 0), "live");
	ck_assert_str_eq(bus_state_name(SHMREG_DIR_REMOVED, 0), "removed");
	ck_assert_str_eq(bus_state_name(SHMREG_DIR_LIVE, SHMREG_DIR_QUARANTINED), "quarantined");
}
END_TEST

START_TEST(which_bus)
{
	static const struct {
		enum options_bus when;
		bool system;
		const char *socket;
		enum bus_kind kind;
	} cases[] = {
		{ OPTIONS_BUS_NO, true, "/run/shmregd/control", BUS_NONE },
		{ OPTIONS_BUS_NO, false, "/r/shmregd/control", BUS_NONE },
		{ OPTIONS_BUS_AUTO, true, "/run/shmregd/control", BUS_SYSTEM },
		/* Of root, without --system. */
		{ OPTIONS_BUS_AUTO, false, "/run/shmregd/control", BUS_SYSTEM },
		{ OPTIONS_BUS_AUTO, false, "/r/shmregd/control", BUS_SESSION },
		/* Private ones; also a test's that says --system. */
		{ OPTIONS_BUS_AUTO, false, "/tmp/control", BUS_NONE },
		{ OPTIONS_BUS_AUTO, true, "/tmp/control", BUS_NONE },
		{ OPTIONS_BUS_AUTO, false, "", BUS_NONE },
		{ OPTIONS_BUS_YES, false, "/tmp/control", BUS_SESSION },
		{ OPTIONS_BUS_YES, true, "/tmp/control", BUS_SYSTEM },
	};

	setenv("XDG_RUNTIME_DIR", "/r", 1);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		ck_assert_msg(bus_kind_of(cases[i].when, cases[i].system, cases[i].socket) ==
			      cases[i].kind, "case %zu", i);
	unsetenv("XDG_RUNTIME_DIR");
	ck_assert_int_eq(bus_kind_of(OPTIONS_BUS_AUTO, false, "/r/shmregd/control"), BUS_NONE);
}
END_TEST

static void address_is(enum bus_kind kind, const char *expected)
{
	char *address = NULL;

	ck_assert_msg(bus_address(&address, kind, error) == 0, "%s", error);
	ck_assert_str_eq(address, expected);
	free(address);
}

static void refuses_address(enum bus_kind kind, int r, const char *sentence)
{
	char *address = NULL;

	ck_assert_int_eq(bus_address(&address, kind, error), r);
	ck_assert_ptr_null(address);
	ck_assert_msg(strstr(error, sentence), "'%s' does not say '%s'", error, sentence);
}

START_TEST(addresses)
{
	unsetenv("DBUS_SYSTEM_BUS_ADDRESS");
	unsetenv("DBUS_SESSION_BUS_ADDRESS");
	setenv("XDG_RUNTIME_DIR", "/r", 1);
	address_is(BUS_SYSTEM, "unix:path=/run/dbus/system_bus_socket");
	address_is(BUS_SESSION, "unix:path=/r/bus");
	unsetenv("XDG_RUNTIME_DIR");
	refuses_address(BUS_SESSION, -ENOENT, "neither $DBUS_SESSION_BUS_ADDRESS nor");
	setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/a;unix:abstract=b;", 1);
	address_is(BUS_SESSION, "unix:path=/a;unix:abstract=b;");
	/* What could take long: names to look up, programs to start. */
	setenv("DBUS_SYSTEM_BUS_ADDRESS", "tcp:host=example.org,port=1", 1);
	refuses_address(BUS_SYSTEM, -EINVAL, "at a 'unix:' address only");
	setenv("DBUS_SYSTEM_BUS_ADDRESS", "unixexec:path=/bin/true", 1);
	refuses_address(BUS_SYSTEM, -EINVAL, "'unixexec:path=/bin/true'");
	setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/a;tcp:host=b", 1);
	refuses_address(BUS_SYSTEM, -EINVAL, "$DBUS_SYSTEM_BUS_ADDRESS");
}
END_TEST

int main(void)
{
	const TTest *const tests[] = { targets, bad_targets, words, which_bus, addresses };

	return RUN_SUITE("bus-args", tests, NULL, NULL, 0);
}
