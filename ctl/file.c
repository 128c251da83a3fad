/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <inttypes.h>
#include <stdbool.h>

#include "file.h"
#include "text.h"

static const struct {
	const char *name;	/* in JSON */
	const char *what;	/* for people, behind the object's name */
	bool counted;
} notes[SHMREG_SNAPSHOT_WHAT_MAX + 1] = {
	[SHMREG_SNAPSHOT_LOST] = { "lost", "messages were overwritten while they were copied", true },
	[SHMREG_SNAPSHOT_NOVALUE] = { "no-value", "its value changed as often as it was copied; it is "
				      "shown as never written", false },
	[SHMREG_SNAPSHOT_NOCOUNT] = { "no-count", "its records could not be counted", false },
	[SHMREG_SNAPSHOT_GONE] = { "gone", "it was removed while it was copied, and is left out",
				   false },
	[SHMREG_SNAPSHOT_BROKEN] = { "broken", "no correct program wrote this; what is there was "
				     "copied as it is", false },
};

static const char *object_name(const struct shmreg_segment *file, uint64_t id)
{
	const struct shmreg_dir *dir = shmreg_segment_dir(file);
	const struct shmreg_dir_object *objects = shmreg_dir_objects(dir);

	for (uint32_t i = 0; i < dir->max_objects; i++)
		if (objects[i].state != SHMREG_ENTRY_FREE && objects[i].id == id)
			return objects[i].name;
	return NULL;
}

/* What a file says may be anything: terminals are not to obey it. */
static void print_text(FILE *stream, const char *text)
{
	for (; *text; text++)
		fputc(*text < ' ' || *text > '~' ? '?' : *text, stream);
}

void file_print(const struct shmreg_segment *file, FILE *stream)
{
	const struct shmreg_snapshot_head *head = shmreg_snapshot_head(file);
	const struct shmreg_snapshot_note *note;
	char a[TEXT_MAX], b[TEXT_MAX];
	size_t n;

	fprintf(stream, "snapshot  taken %s in %.1f ms ", text_time(a, head->taken_ns),
		(double)head->took_ns / 1e6);
	if (head->reason == SHMREG_SNAPSHOT_DEATH)
		fprintf(stream, "at the death of participant %" PRIu64 " (pid %" PRIu32 ")",
			head->dead, head->dead_pid);
	else
		fprintf(stream, "by %s (pid %" PRIu32 ")", text_user(b, head->taker_uid),
			head->taker_pid);
	fputs(" on ", stream);
	print_text(stream, head->host[0] ? head->host : "an unknown host");
	fputc('\n', stream);
	note = shmreg_snapshot_notes(file, &n);
	for (size_t i = 0; i < n; i++) {
		const char *name = object_name(file, note[i].object);

		fputs("note      object ", stream);
		if (name)
			print_text(stream, name);
		else
			fprintf(stream, "%" PRIu64, note[i].object);
		fputs(": ", stream);
		if (notes[note[i].what].counted)
			fprintf(stream, "%" PRIu64 " ", note[i].n);
		fprintf(stream, "%s\n", notes[note[i].what].what);
	}
}

void file_json(struct json *j, const struct shmreg_segment *file)
{
	const struct shmreg_snapshot_head *head = shmreg_snapshot_head(file);
	const struct shmreg_snapshot_note *note;
	size_t n;

	json_open_object(j, "snapshot");
	json_number(j, "taken_ns", head->taken_ns);
	json_number(j, "took_ns", head->took_ns);
	json_number(j, "taker_pid", head->taker_pid);
	json_number(j, "taker_uid", head->taker_uid);
	json_string(j, "reason", head->reason == SHMREG_SNAPSHOT_DEATH ? "death" : "asked");
	if (head->reason == SHMREG_SNAPSHOT_DEATH) {
		json_number(j, "dead_participant", head->dead);
		json_number(j, "dead_pid", head->dead_pid);
	}
	json_string(j, "host", head->host);
	json_string(j, "version", head->version);
	json_open_array(j, "notes");
	note = shmreg_snapshot_notes(file, &n);
	for (size_t i = 0; i < n; i++) {
		json_open_object(j, NULL);
		json_number(j, "object", note[i].object);
		json_string(j, "name", object_name(file, note[i].object));
		json_string(j, "what", notes[note[i].what].name);
		json_number(j, "n", note[i].n);
		json_close(j);
	}
	json_close(j);
	json_close(j);
}
