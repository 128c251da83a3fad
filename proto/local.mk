# proto/: the bytes that daemon, library and reaper agree on. Knows nobody else.

noinst_LTLIBRARIES += libproto.la
libproto_la_CPPFLAGS = -I$(top_srcdir)/proto
libproto_la_SOURCES = \
	proto/layout.c \
	proto/name-words.h \
	proto/name.c \
	proto/object.c \
	proto/directory.c \
	proto/directory-verify.c \
	proto/packet-reply.c \
	proto/packet.c \
	proto/probe.h \
	proto/placement.c \
	proto/shmreg/abi/reaper.h \
	proto/shmreg/abi/snapshot-job.h \
	proto/shmreg/abi/verify.h

dbusinterfacedir = $(datadir)/dbus-1/interfaces
dbusinterface_DATA = proto/org.shmreg.Registry1.xml
EXTRA_DIST += proto/org.shmreg.Registry1.xml

shmregincludedir = $(includedir)/shmreg
shmreginclude_HEADERS = proto/shmreg/compiler.h
shmregabiincludedir = $(includedir)/shmreg/abi
shmregabiinclude_HEADERS = \
	proto/shmreg/abi/atomic.h \
	proto/shmreg/abi/cell.h \
	proto/shmreg/abi/directory.h \
	proto/shmreg/abi/eventcount.h \
	proto/shmreg/abi/name.h \
	proto/shmreg/abi/object.h \
	proto/shmreg/abi/packet.h \
	proto/shmreg/abi/placement.h \
	proto/shmreg/abi/pool.h \
	proto/shmreg/abi/queue.h \
	proto/shmreg/abi/ring.h \
	proto/shmreg/abi/root.h \
	proto/shmreg/abi/snapshot.h \
	proto/shmreg/abi/topic.h
