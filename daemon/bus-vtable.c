/* SPDX-License-Identifier: MIT */

/* The table of methods, properties and signals; proto/org.shmreg.Registry1.xml is what it says. */

#include <config.h>

#include <stddef.h>

#include "bus-internal.h"

/*
 * Everybody may call: the bus is asked who it is, and the registry's policy decides. Without
 * the flag the library would ask the bus itself, and wait for the answer.
 */
#define ANYBODY SD_BUS_VTABLE_UNPRIVILEGED
#define FIXED(name, type, field) \
	SD_BUS_PROPERTY(name, type, NULL, offsetof(struct bus, stats.field), \
			SD_BUS_VTABLE_PROPERTY_CONST)
#define STATISTIC(name, field) \
	SD_BUS_PROPERTY(name, "t", NULL, offsetof(struct bus, stats.field), \
			SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE)

static int get_version(sd_bus *sd, const char *path, const char *interface, const char *property,
		       sd_bus_message *reply, void *data, sd_bus_error *e)
{
	(void)sd, (void)path, (void)interface, (void)property, (void)data, (void)e;
	return sd_bus_message_append(reply, "s", PACKAGE_VERSION);
}

#define PARTICIPANT_ARGS \
	SD_BUS_ARGS("t", segment, "s", name, "t", participant, "u", uid, "u", pid, "s", client)
#define SEGMENT_ARGS SD_BUS_ARGS("t", segment, "s", name)
#define OBJECT_ARGS SD_BUS_ARGS("t", segment, "s", name, "t", object, "s", object_name)
#define DETAILED_SIGNALS \
	SD_BUS_SIGNAL_WITH_ARGS("Disposed", SEGMENT_ARGS, 0), \
	SD_BUS_SIGNAL_WITH_ARGS("Changed", SEGMENT_ARGS, 0), \
	SD_BUS_SIGNAL_WITH_ARGS("Attached", PARTICIPANT_ARGS, 0), \
	SD_BUS_SIGNAL_WITH_ARGS("Detached", PARTICIPANT_ARGS, 0), \
	SD_BUS_SIGNAL_WITH_ARGS("Died", PARTICIPANT_ARGS, 0), \
	SD_BUS_SIGNAL_WITH_ARGS("Repaired", \
		SD_BUS_ARGS("t", segment, "s", name, "t", repaired, "t", freed, "t", requeued, \
			    "t", gave_up), 0), \
	SD_BUS_SIGNAL_WITH_ARGS("Quarantined", SEGMENT_ARGS, 0), \
	SD_BUS_SIGNAL_WITH_ARGS("ObjectCreated", OBJECT_ARGS, 0), \
	SD_BUS_SIGNAL_WITH_ARGS("ObjectRemoved", OBJECT_ARGS, 0)

const sd_bus_vtable bus_vtable[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_METHOD_WITH_ARGS("List", SD_BUS_NO_ARGS, SD_BUS_RESULT("a(tsa{sv})", segments),
				bus_method_list, ANYBODY),
	SD_BUS_METHOD_WITH_ARGS("Describe", SD_BUS_ARGS("s", segment),
				SD_BUS_RESULT("a{sv}", properties), bus_method_describe, ANYBODY),
	SD_BUS_METHOD_WITH_ARGS("Remove", SD_BUS_ARGS("s", segment), SD_BUS_NO_RESULT,
				bus_method_remove, ANYBODY),
	SD_BUS_METHOD_WITH_ARGS("Set", SD_BUS_ARGS("s", segment, "a{sv}", changes), SD_BUS_NO_RESULT,
				bus_method_set, ANYBODY),
	SD_BUS_METHOD_WITH_ARGS("Limits", SD_BUS_ARGS("u", uid), SD_BUS_RESULT("a{s(tt)}", limits),
				bus_method_limits, ANYBODY),
	SD_BUS_METHOD_WITH_ARGS("SetLimit", SD_BUS_ARGS("u", uid, "s", resource, "t", limit), SD_BUS_NO_RESULT,
				bus_method_set_limit, ANYBODY),
	SD_BUS_METHOD_WITH_ARGS("UnsetLimit", SD_BUS_ARGS("u", uid, "s", resource), SD_BUS_NO_RESULT,
				bus_method_unset_limit, ANYBODY),
	SD_BUS_PROPERTY("Version", "s", get_version, 0, SD_BUS_VTABLE_PROPERTY_CONST),
	FIXED("Pid", "u", pid),
	FIXED("StartedUSec", "t", started_usec),
	FIXED("Restarts", "t", restarts),
	BUS_PUBLIC_STATISTICS(STATISTIC),
	SD_BUS_SIGNAL_WITH_ARGS("Created", SEGMENT_ARGS, 0),
	SD_BUS_SIGNAL_WITH_ARGS("Removed", SEGMENT_ARGS, 0),
	DETAILED_SIGNALS,
	SD_BUS_SIGNAL_WITH_ARGS("Lost", SD_BUS_ARGS("t", n), 0),
	SD_BUS_VTABLE_END,
};

const sd_bus_vtable bus_private_vtable[] = {
	SD_BUS_VTABLE_START(0),
	BUS_PRIVATE_STATISTICS(STATISTIC),
	DETAILED_SIGNALS,
	SD_BUS_VTABLE_END,
};
