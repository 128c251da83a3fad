# tests/models: not part of `make check`, for it needs spin and some minutes.
EXTRA_DIST += \
	tests/models/README \
	tests/models/run \
	tests/models/attach.pml \
	tests/models/cell.pml \
	tests/models/directory.pml \
	tests/models/pool-keep.pml \
	tests/models/pool.pml \
	tests/models/queue-batch.pml \
	tests/models/queue.pml \
	tests/models/records.pml \
	tests/models/removal.pml \
	tests/models/seats.pml \
	tests/models/topic-gate.pml \
	tests/models/topic.pml \
	tests/models/transfer.pml \
	tests/models/wait.pml

.PHONY: check-models
check-models:
	@CC='$(CC)' $(srcdir)/tests/models/run || { status=$$?; test $$status = 77 || exit $$status; }
