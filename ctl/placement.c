/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "placement.h"
#include "text.h"

#define NODES_MAX 256	/* characters of a list of nodes */
#define SHMEM_ENABLED "/sys/kernel/mm/transparent_hugepage/shmem_enabled"

int placement_huge(const char *text, struct shmreg_placement *ret, const char **ret_why)
{
	if (strcmp(text, "thp") == 0)
		ret->huge = SHMREG_HUGE_TRANSPARENT;
	else if (strcmp(text, "2M") == 0)
		ret->huge = SHMREG_HUGE_2M;
	else if (strcmp(text, "1G") == 0)
		ret->huge = SHMREG_HUGE_1G;
	else
		return *ret_why = "is no kind of huge pages; 2M, 1G and thp (transparent ones) are",
		       -EINVAL;
	return 0;
}

/* "0", "0,2-3". Return: the nodes; 0 it is no such list. */
static uint64_t parse_nodes(const char *text)
{
	unsigned long from, to;
	uint64_t nodes = 0;
	char *end;

	for (;;) {
		if (*text < '0' || *text > '9')
			return 0;
		from = to = strtoul(text, &end, 10);
		if (*end == '-' && end[1] >= '0' && end[1] <= '9')
			to = strtoul(end + 1, &end, 10);
		if (from > to || to >= SHMREG_NUMA_NODES_MAX)
			return 0;
		for (; from <= to; from++)
			nodes |= UINT64_C(1) << from;
		if (!*end)
			return nodes;
		if (*end != ',')
			return 0;
		text = end + 1;
	}
}

int placement_numa(const char *text, struct shmreg_placement *ret, const char **ret_why)
{
	const char *nodes = strchr(text, ':');
	const size_t n = nodes ? (size_t)(nodes - text) : 0;
	uint32_t numa = SHMREG_NUMA_DEFAULT;

	if (n == strlen("bind") && strncmp(text, "bind", n) == 0)
		numa = SHMREG_NUMA_BIND;
	else if (n == strlen("interleave") && strncmp(text, "interleave", n) == 0)
		numa = SHMREG_NUMA_INTERLEAVE;
	else
		return *ret_why = "is no NUMA policy; those look like bind:0, bind:0,2-3 or "
				  "interleave:all", -EINVAL;
	if (strcmp(nodes + 1, "all") == 0) {
		if (numa == SHMREG_NUMA_BIND)
			return *ret_why = "binds to nothing in particular; leave it out, or name "
					  "nodes", -EINVAL;
		ret->nodes = 0;
	} else {
		ret->nodes = parse_nodes(nodes + 1);
		if (!ret->nodes)
			return *ret_why = "names no nodes; they look like 0, 0,1 or 0-3, up to 63",
			       -EINVAL;
	}
	ret->numa = numa;
	return 0;
}

static const char *text_nodes(char buf[NODES_MAX], uint64_t nodes)
{
	size_t used = 0;
	unsigned int from, to;

	buf[0] = '\0';
	for (from = 0; from < SHMREG_NUMA_NODES_MAX; from = to + 1) {
		to = from;
		if (!(nodes >> from & 1))
			continue;
		while (to + 1 < SHMREG_NUMA_NODES_MAX && nodes >> (to + 1) & 1)
			to++;
		used += (size_t)snprintf(buf + used, NODES_MAX - used,
					 to > from ? "%s%u-%u" : "%s%u", used ? "," : "",
					 from, to);
	}
	return buf;
}

static const char *huge_name(uint32_t huge)
{
	return huge == SHMREG_HUGE_TRANSPARENT ? "thp" : huge == SHMREG_HUGE_2M ? "2M" : "1G";
}

static const char *numa_name(uint32_t numa)
{
	return numa == SHMREG_NUMA_BIND ? "bind" : "interleave";
}

const char *placement_options(char buf[PLACEMENT_OPTIONS_MAX], const struct shmreg_placement *p)
{
	char nodes[NODES_MAX];
	size_t n = 0;

	buf[0] = '\0';
	if (p->huge)
		n += (size_t)snprintf(buf, PLACEMENT_OPTIONS_MAX, " --huge %s", huge_name(p->huge));
	if (p->numa)
		n += (size_t)snprintf(buf + n, PLACEMENT_OPTIONS_MAX - n, " --numa %s:%s",
				      numa_name(p->numa), text_nodes(nodes, p->nodes));
	snprintf(buf + n, PLACEMENT_OPTIONS_MAX - n, "%s%s",
		 p->flags & SHMREG_PLACE_PREFAULT ? " --prefault" : "",
		 p->flags & SHMREG_PLACE_LOCK ? " --mlock" : "");
	return buf;
}

const char *placement_why_not(const struct shmreg_dir *dir)
{
	switch (dir->huge_error) {
	case ENOMEM:
	case ENOSPC:
		return dir->placement.huge == SHMREG_HUGE_2M
			? "the machine's pool has too few that are free; root makes more with "
			  "sysctl vm.nr_hugepages=N"
			: "the machine's pool has too few that are free; root makes more when the "
			  "machine starts, with hugepagesz=1G hugepages=N on the kernel's command line";
	case EINVAL:
	case ENODEV:
	case ENOSYS:
		return "this machine or its kernel has none of this size";
	default:
		return strerror((int)dir->huge_error);
	}
}

/* The word in brackets; "" if it is not known. */
static void shmem_enabled(char buf[64])
{
	FILE *f = fopen(SHMEM_ENABLED, "re");
	char line[128];

	buf[0] = '\0';
	if (f && fgets(line, sizeof(line), f) && sscanf(line, "%*[^[][%63[a-z_]]", buf) != 1)
		sscanf(line, "[%63[a-z_]]", buf);
	if (f)
		fclose(f);
}

static void print_transparent(const struct pages *pages, FILE *stream)
{
	char bytes[TEXT_MAX], word[64];

	fputs("; transparent huge pages were asked for", stream);
	if (!pages)
		return;
	if (pages->huge_bytes) {
		fprintf(stream, ": %s are in them", text_bytes(bytes, pages->huge_bytes));
		return;
	}
	fputs(": none are there", stream);
	shmem_enabled(word);
	if (strcmp(word, "never") == 0)
		fputs(", for " SHMEM_ENABLED " is never; --prefault makes them all the same", stream);
	else if (strcmp(word, "deny") == 0)
		fputs(", for " SHMEM_ENABLED " is deny", stream);
}

uint64_t placement_page_bytes(const struct shmreg_dir *dir)
{
	return dir->page_bytes ? dir->page_bytes : (uint64_t)sysconf(_SC_PAGESIZE);
}

void placement_print(const struct shmreg_dir *dir, const struct pages *pages, FILE *stream)
{
	const struct shmreg_placement *p = &dir->placement;
	char buf[TEXT_MAX], nodes[NODES_MAX];

	if (!p->huge && !p->numa && !p->flags)
		return;
	fprintf(stream, "memory    %spages of %s", dir->page_bytes ? "huge " : "",
		text_bytes(buf, placement_page_bytes(dir)));
	if (p->huge == SHMREG_HUGE_TRANSPARENT)
		print_transparent(pages, stream);
	else if (dir->huge_error)
		fprintf(stream, "; huge pages of %s were asked for, but %s", huge_name(p->huge),
			placement_why_not(dir));
	if (p->numa) {
		const bool known = pages && pages->knows_numa;
		const uint32_t numa = known ? pages->numa : p->numa;

		fprintf(stream, "; %s NUMA nodes %s",
			numa == SHMREG_NUMA_BIND	 ? "bound to" :
			numa == SHMREG_NUMA_INTERLEAVE ? "interleaved over" : "on whichever of",
			text_nodes(nodes, known && numa ? pages->nodes : p->nodes));
	}
	if (p->flags & SHMREG_PLACE_PREFAULT)
		fputs("; mapped at once by who attaches", stream);
	if (p->flags & SHMREG_PLACE_LOCK)
		fputs("; locked by who attaches", stream);
	fputc('\n', stream);
}

void placement_json(const struct shmreg_dir *dir, const struct pages *pages, struct json *j)
{
	const struct shmreg_placement *p = &dir->placement;
	char nodes[NODES_MAX];
	const bool known = pages && pages->knows_numa;
	const uint32_t numa = known ? pages->numa : p->numa;

	json_open_object(j, "placement");
	json_string(j, "huge", p->huge ? huge_name(p->huge) : NULL);
	json_number(j, "page_bytes", placement_page_bytes(dir));
	json_string(j, "huge_error", dir->huge_error ? placement_why_not(dir) : NULL);
	if (pages)
		json_number(j, "transparent_bytes", pages->huge_bytes);
	else
		json_null(j, "transparent_bytes");
	json_string(j, "numa", numa ? numa_name(numa) : NULL);
	json_string(j, "nodes", numa ? text_nodes(nodes, known ? pages->nodes : p->nodes) : NULL);
	json_bool(j, "reserve", dir->create_flags & SHMREG_CREATE_RESERVE);
	json_bool(j, "prefault", p->flags & SHMREG_PLACE_PREFAULT);
	json_bool(j, "lock", p->flags & SHMREG_PLACE_LOCK);
	json_close(j);
}
