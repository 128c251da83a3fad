# The instructions of each fast path, and the system calls of each request: that they do not
# become more.

check_PROGRAMS += instructions
TESTS += bench/instructions.sh
EXTRA_DIST += bench/instructions.sh bench/instructions.list
instructions_CPPFLAGS = -I$(top_srcdir)/libclient -I$(top_srcdir)/proto -D_GNU_SOURCE \
	-DBUILD_CFLAGS='"$(CFLAGS)"'
instructions_LDADD = libshmreg.la
instructions_SOURCES = bench/instructions.c bench/instructions.h bench/instructions-list.c \
	bench/instructions-list.h bench/instructions-ops.c

update-instructions: instructions shmregctl shmregd shmreg-reaper
	./shmregctl run --daemon ./shmregd --reaper ./shmreg-reaper -- \
		./instructions --update $(top_srcdir)/bench/instructions.list
.PHONY: update-instructions

check_PROGRAMS += requests
TESTS += bench/requests.sh
EXTRA_DIST += bench/requests.sh bench/requests.list
requests_CPPFLAGS = -I$(top_srcdir)/libclient -I$(top_srcdir)/proto -D_GNU_SOURCE
requests_LDADD = libshmreg.la
requests_SOURCES = bench/requests.c
