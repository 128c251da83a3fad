/* SPDX-License-Identifier: MIT */
/*
 * layout.c - every offset of every structure that two programs share
 *
 * The headers assert the offsets that their readers want to see; here are all of
 * them, so that no field moves unnoticed. A structure that has been released is
 * never changed: it gets a new layout or protocol version, and its lines stay.
 */
#include <shmreg/abi/atomic.h>
#include <shmreg/abi/cell.h>
#include <shmreg/abi/directory.h>
#include <shmreg/abi/eventcount.h>
#include <shmreg/abi/object.h>
#include <shmreg/abi/packet.h>
#include <shmreg/abi/pool.h>
#include <shmreg/abi/queue.h>
#include <shmreg/abi/reaper.h>
#include <shmreg/abi/ring.h>
#include <shmreg/abi/root.h>
#include <shmreg/abi/topic.h>

#define AT(type, field, offset) \
	SHMREG_STATIC_ASSERT(offsetof(struct type, field) == (offset), "frozen")
#define SIZE(type, bytes) SHMREG_STATIC_ASSERT(sizeof(struct type) == (bytes), "frozen")

/* object.h */
AT(shmreg_shape, kind, 0);
AT(shmreg_shape, layout, 4);
AT(shmreg_shape, flags, 8);
AT(shmreg_shape, elem_align, 12);
AT(shmreg_shape, elem_bytes, 16);
AT(shmreg_shape, capacity, 24);
AT(shmreg_shape, param, 32);
SIZE(shmreg_shape, 48);

/* directory.h */
AT(shmreg_dir, magic, 0);
AT(shmreg_dir, layout, 8);
AT(shmreg_dir, n_seats, 12);
AT(shmreg_dir, segment, 16);
AT(shmreg_dir, dir_bytes, 24);
AT(shmreg_dir, data_bytes, 32);
AT(shmreg_dir, max_participants, 40);
AT(shmreg_dir, max_objects, 44);
AT(shmreg_dir, n_buckets, 48);
AT(shmreg_dir, create_flags, 52);
AT(shmreg_dir, seats_offset, 56);
AT(shmreg_dir, participants_offset, 64);
AT(shmreg_dir, objects_offset, 72);
AT(shmreg_dir, buckets_offset, 80);
AT(shmreg_dir, created_ns, 88);
AT(shmreg_dir, creator, 96);
AT(shmreg_dir, charged_uid, 104);
AT(shmreg_dir, creator_pid, 108);
AT(shmreg_dir, registry, 112);
AT(shmreg_dir, nonce, 120);
AT(shmreg_dir, name, 128);
AT(shmreg_dir, state, 256);
AT(shmreg_dir, death, 260);
AT(shmreg_dir, flags, 264);
AT(shmreg_dir, mode_lifetime, 268);
AT(shmreg_dir, owner, 272);
AT(shmreg_dir, removal_epoch, 280);
AT(shmreg_dir, objects_generation, 288);
AT(shmreg_dir, n_deaths, 296);
AT(shmreg_dir, n_repairs, 304);
AT(shmreg_dir, last_segment, 312);
AT(shmreg_dir, set_owner, 320);
AT(shmreg_dir, set_mode_lifetime, 328);
AT(shmreg_dir, set_pending, 332);
AT(shmreg_dir, n_restarts, 336);
AT(shmreg_dir, placement, 344);
AT(shmreg_dir, page_bytes, 368);
AT(shmreg_dir, huge_error, 372);
AT(shmreg_dir, reserved, 376);
SIZE(shmreg_dir, 512);
AT(shmreg_dir_participant, state, 0);
AT(shmreg_dir_participant, flags, 4);
AT(shmreg_dir_participant, id, 8);
AT(shmreg_dir_participant, pid, 16);
AT(shmreg_dir_participant, uid, 20);
AT(shmreg_dir_participant, gid, 24);
AT(shmreg_dir_participant, reserved0, 28);
AT(shmreg_dir_participant, pidfd_inode, 32);
AT(shmreg_dir_participant, start_time, 40);
AT(shmreg_dir_participant, nonce, 48);
AT(shmreg_dir_participant, epoch, 56);
AT(shmreg_dir_participant, attached_ns, 64);
AT(shmreg_dir_participant, name, 72);
AT(shmreg_dir_participant, reserved1, 104);
SIZE(shmreg_dir_participant, 128);
AT(shmreg_dir_object, state, 0);
AT(shmreg_dir_object, next, 4);
AT(shmreg_dir_object, id, 8);
AT(shmreg_dir_object, shape, 16);
AT(shmreg_dir_object, offset, 64);
AT(shmreg_dir_object, bytes, 72);
AT(shmreg_dir_object, nonce, 80);
AT(shmreg_dir_object, creator, 88);
AT(shmreg_dir_object, removed_epoch, 96);
AT(shmreg_dir_object, created_ns, 104);
AT(shmreg_dir_object, watch_events, 112);
AT(shmreg_dir_object, watch_generation, 116);
AT(shmreg_dir_object, reserved, 120);
AT(shmreg_dir_object, name, 128);
AT(shmreg_dir_object, type_name, 192);
SIZE(shmreg_dir_object, 256);

/* atomic.h */
AT(shmreg_atomic_shm, value, 0);
AT(shmreg_atomic_shm, change, 8);
SIZE(shmreg_atomic_shm, 128);

/* queue.h */
AT(shmreg_queue_shm, tail, 0);
AT(shmreg_queue_shm, head, 128);
AT(shmreg_queue_shm, redel, 136);
AT(shmreg_queue_shm, items, 256);
AT(shmreg_queue_shm, space, 264);
AT(shmreg_queue_shm, n_aborted, 384);
AT(shmreg_queue_shm, n_dropped, 392);
AT(shmreg_queue_shm, n_redelivered, 400);
AT(shmreg_queue_shm, lapped, 408);
AT(shmreg_queue_shm, high, 416);
AT(shmreg_queue_shm, users, 512);
SIZE(shmreg_queue_shm, 1024);

/* ring.h */
AT(shmreg_ring_record, bytes, 0);
AT(shmreg_ring_record, reserved, 4);
SIZE(shmreg_ring_record, 8);
AT(shmreg_ring_shm, tail, 0);
AT(shmreg_ring_shm, n_written, 8);
AT(shmreg_ring_shm, producer_high, 24);
AT(shmreg_ring_shm, n_full, 32);
AT(shmreg_ring_shm, head, 128);
AT(shmreg_ring_shm, n_read, 136);
AT(shmreg_ring_shm, consumer_high, 152);
AT(shmreg_ring_shm, n_skipped, 160);
AT(shmreg_ring_shm, producer, 256);
AT(shmreg_ring_shm, consumer, 264);
AT(shmreg_ring_shm, items, 384);
AT(shmreg_ring_shm, space, 392);
SIZE(shmreg_ring_shm, 512);

/* topic.h */
AT(shmreg_topic_chunk, sequence, 0);
AT(shmreg_topic_chunk, publisher, 8);
AT(shmreg_topic_chunk, displaced, 12);
AT(shmreg_topic_chunk, bytes, 16);
AT(shmreg_topic_chunk, time_ns, 24);
SIZE(shmreg_topic_chunk, 32);
AT(shmreg_topic_publisher, owner, 0);
AT(shmreg_topic_publisher, spare, 8);
AT(shmreg_topic_publisher, want, 16);
AT(shmreg_topic_publisher, n_published, 24);
AT(shmreg_topic_publisher, n_full, 32);
AT(shmreg_topic_publisher, n_evicted, 40);
AT(shmreg_topic_publisher, high, 48);
SIZE(shmreg_topic_publisher, 128);
AT(shmreg_topic_cursor, word, 0);
AT(shmreg_topic_cursor, n_lost, 8);
AT(shmreg_topic_cursor, first, 16);
SIZE(shmreg_topic_cursor, 128);
AT(shmreg_topic_shm, tail, 0);
AT(shmreg_topic_shm, message, 128);
AT(shmreg_topic_shm, space, 136);
AT(shmreg_topic_shm, n_settled, 256);
AT(shmreg_topic_shm, reserved, 264);
SIZE(shmreg_topic_shm, 384);

/* pool.h */
AT(shmreg_pool_shm, n_exhausted, 0);
AT(shmreg_pool_shm, n_reclaimed, 8);
AT(shmreg_pool_shm, space, 128);
AT(shmreg_pool_shm, touched, 256);
AT(shmreg_pool_shm, users, 384);
AT(shmreg_pool_shm, keepers, 896);
AT(shmreg_pool_shm, n_tags, 904);
SIZE(shmreg_pool_shm, 1024);
AT(shmreg_pool_keeper, ref, 0);
AT(shmreg_pool_keeper, recall, 8);
AT(shmreg_pool_keeper, seat, 16);
SIZE(shmreg_pool_keeper, 128);

/* cell.h */
AT(shmreg_cell_shm, latest, 0);
AT(shmreg_cell_shm, change, 128);
AT(shmreg_cell_shm, writer, 256);
AT(shmreg_cell_shm, n_superseded, 768);
SIZE(shmreg_cell_shm, 1280);

/* root.h */
AT(shmreg_root, magic, 0);
AT(shmreg_root, layout, 8);
AT(shmreg_root, n_buckets, 12);
AT(shmreg_root, registry, 16);
AT(shmreg_root, flags, 24);
AT(shmreg_root, reserved, 28);
AT(shmreg_root, created, 128);
AT(shmreg_root, reserved1, 8320);
SIZE(shmreg_root, 12288);

/* packet.h */
AT(shmreg_packet_header, magic, 0);
AT(shmreg_packet_header, protocol, 4);
AT(shmreg_packet_header, type, 6);
AT(shmreg_packet_header, serial, 8);
AT(shmreg_packet_header, status, 16);
AT(shmreg_packet_header, reserved, 20);
SIZE(shmreg_packet_header, 24);
AT(shmreg_hello, flags, 0);
AT(shmreg_hello, reserved, 4);
AT(shmreg_hello, name, 8);
AT(shmreg_hello, version, 40);
SIZE(shmreg_hello, 72);
AT(shmreg_hello_reply, registry, 0);
AT(shmreg_hello_reply, uid, 8);
AT(shmreg_hello_reply, pid, 12);
AT(shmreg_hello_reply, version, 16);
SIZE(shmreg_hello_reply, 48);
AT(shmreg_create, name, 0);
AT(shmreg_create, nonce, 128);
AT(shmreg_create, data_bytes, 136);
AT(shmreg_create, flags, 144);
AT(shmreg_create, mode, 148);
AT(shmreg_create, lifetime, 152);
AT(shmreg_create, max_participants, 156);
AT(shmreg_create, max_objects, 160);
AT(shmreg_create, n_seats, 164);
AT(shmreg_create, placement, 168);
SIZE(shmreg_create, 192);
AT(shmreg_open, name, 0);
AT(shmreg_open, nonce, 128);
AT(shmreg_open, access, 136);
AT(shmreg_open, n_seats, 140);
SIZE(shmreg_open, 144);
AT(shmreg_attach_reply, segment, 0);
AT(shmreg_attach_reply, participant, 8);
AT(shmreg_attach_reply, dir_bytes, 16);
AT(shmreg_attach_reply, data_bytes, 24);
AT(shmreg_attach_reply, participant_index, 32);
AT(shmreg_attach_reply, access, 36);
AT(shmreg_attach_reply, created, 40);
AT(shmreg_attach_reply, n_seats, 44);
AT(shmreg_attach_reply, seat, 48);
SIZE(shmreg_attach_reply, 176);
AT(shmreg_attachment, segment, 0);
AT(shmreg_attachment, participant, 8);
AT(shmreg_attachment, epoch, 16);
SIZE(shmreg_attachment, 24);
AT(shmreg_seats, at, 0);
AT(shmreg_seats, n_seats, 24);
AT(shmreg_seats, reserved, 28);
SIZE(shmreg_seats, 32);
AT(shmreg_seats_reply, n_seats, 0);
AT(shmreg_seats_reply, reserved, 4);
AT(shmreg_seats_reply, seat, 8);
SIZE(shmreg_seats_reply, 136);
AT(shmreg_target, segment, 0);
AT(shmreg_target, name, 8);
SIZE(shmreg_target, 136);
AT(shmreg_create_object, at, 0);
AT(shmreg_create_object, nonce, 24);
AT(shmreg_create_object, flags, 32);
AT(shmreg_create_object, reserved, 36);
AT(shmreg_create_object, shape, 40);
AT(shmreg_create_object, name, 88);
AT(shmreg_create_object, type_name, 152);
SIZE(shmreg_create_object, 216);
AT(shmreg_create_object_reply, object, 0);
AT(shmreg_create_object_reply, index, 8);
AT(shmreg_create_object_reply, created, 12);
SIZE(shmreg_create_object_reply, 16);
AT(shmreg_remove_object, at, 0);
AT(shmreg_remove_object, object, 24);
AT(shmreg_remove_object, name, 32);
SIZE(shmreg_remove_object, 96);
AT(shmreg_segment_info, segment, 0);
AT(shmreg_segment_info, name, 8);
AT(shmreg_segment_info, access, 136);
AT(shmreg_segment_info, state, 140);
AT(shmreg_segment_info, flags, 144);
AT(shmreg_segment_info, mode, 148);
AT(shmreg_segment_info, lifetime, 152);
AT(shmreg_segment_info, owner_uid, 156);
AT(shmreg_segment_info, owner_gid, 160);
AT(shmreg_segment_info, n_participants, 164);
AT(shmreg_segment_info, n_objects, 168);
AT(shmreg_segment_info, n_seats, 172);
AT(shmreg_segment_info, data_bytes, 176);
AT(shmreg_segment_info, used_bytes, 184);
AT(shmreg_segment_info, resident_bytes, 192);
AT(shmreg_segment_info, n_deaths, 200);
AT(shmreg_segment_info, n_repairs, 208);
AT(shmreg_segment_info, created_ns, 216);
SIZE(shmreg_segment_info, 224);
AT(shmreg_list, after, 0);
SIZE(shmreg_list, 8);
AT(shmreg_list_reply, n, 0);
AT(shmreg_list_reply, more, 4);
AT(shmreg_list_reply, info, 8);
SIZE(shmreg_list_reply, 904);
AT(shmreg_stats, uid, 0);
AT(shmreg_stats, reserved, 4);
SIZE(shmreg_stats, 8);
AT(shmreg_usage, used, 0);
AT(shmreg_usage, limit, 8);
SIZE(shmreg_usage, 16);
AT(shmreg_stats_reply, usage, 0);
AT(shmreg_stats_reply, n_requests, 128);
AT(shmreg_stats_reply, n_refused, 136);
AT(shmreg_stats_reply, n_deaths, 144);
AT(shmreg_stats_reply, n_repairs, 152);
AT(shmreg_stats_reply, n_repaired, 160);
AT(shmreg_stats_reply, n_freed, 168);
AT(shmreg_stats_reply, n_requeued, 176);
AT(shmreg_stats_reply, n_gave_up, 184);
AT(shmreg_stats_reply, n_reaper_failures, 192);
AT(shmreg_stats_reply, n_quarantined, 200);
AT(shmreg_stats_reply, n_restarts, 208);
AT(shmreg_stats_reply, started_ns, 216);
AT(shmreg_stats_reply, pid, 224);
AT(shmreg_stats_reply, reserved, 228);
SIZE(shmreg_stats_reply, 232);
AT(shmreg_set, target, 0);
AT(shmreg_set, what, 136);
AT(shmreg_set, uid, 140);
AT(shmreg_set, gid, 144);
AT(shmreg_set, mode, 148);
AT(shmreg_set, lifetime, 152);
AT(shmreg_set, reserved, 156);
SIZE(shmreg_set, 160);
AT(shmreg_watch_request, at, 0);
AT(shmreg_watch_request, object, 24);
AT(shmreg_watch_request, events, 32);
AT(shmreg_watch_request, flags, 36);
SIZE(shmreg_watch_request, 40);
AT(shmreg_watch_reply, watch, 0);
SIZE(shmreg_watch_reply, 8);
AT(shmreg_unwatch, watch, 0);
SIZE(shmreg_unwatch, 8);
AT(shmreg_notify, at, 0);
AT(shmreg_notify, object, 24);
AT(shmreg_notify, after, 32);
AT(shmreg_notify, events, 40);
AT(shmreg_notify, reserved, 44);
SIZE(shmreg_notify, 48);
AT(shmreg_notify_reply, generation, 0);
AT(shmreg_notify_reply, n, 4);
AT(shmreg_notify_reply, more, 8);
AT(shmreg_notify_reply, reserved, 12);
AT(shmreg_notify_reply, watch, 16);
AT(shmreg_notify_reply, events, 48);
SIZE(shmreg_notify_reply, 64);
AT(shmreg_root_request, reserved, 0);
SIZE(shmreg_root_request, 8);
AT(shmreg_root_reply, bytes, 0);
SIZE(shmreg_root_reply, 8);
AT(shmreg_subscribe, mask, 0);
AT(shmreg_subscribe, reserved, 4);
AT(shmreg_subscribe, name, 8);
SIZE(shmreg_subscribe, 136);
AT(shmreg_event, kind, 0);
AT(shmreg_event, reserved, 4);
AT(shmreg_event, time_ns, 8);
AT(shmreg_event, segment, 16);
AT(shmreg_event, participant, 24);
AT(shmreg_event, object, 32);
AT(shmreg_event, pid, 40);
AT(shmreg_event, uid, 44);
AT(shmreg_event, n_lost, 48);
AT(shmreg_event, n_repaired, 56);
AT(shmreg_event, n_freed, 64);
AT(shmreg_event, n_requeued, 72);
AT(shmreg_event, n_gave_up, 80);
AT(shmreg_event, segment_name, 88);
AT(shmreg_event, object_name, 216);
AT(shmreg_event, client_name, 280);
SIZE(shmreg_event, 312);
AT(shmreg_request, header, 0);
AT(shmreg_request, u, 24);
SIZE(shmreg_request, 1024);
AT(shmreg_reply, header, 0);
AT(shmreg_reply, u, 24);
SIZE(shmreg_reply, 1024);

/* reaper.h */
AT(shmreg_reaper_job, magic, 0);
AT(shmreg_reaper_job, reserved, 4);
AT(shmreg_reaper_job, segment, 8);
AT(shmreg_reaper_job, dir_bytes, 16);
AT(shmreg_reaper_job, data_bytes, 24);
AT(shmreg_reaper_job, quiesced_epoch, 32);
SIZE(shmreg_reaper_job, 40);
AT(shmreg_reaper_report, magic, 0);
AT(shmreg_reaper_report, type, 4);
AT(shmreg_reaper_report, status, 8);
AT(shmreg_reaper_report, n_seats, 12);
AT(shmreg_reaper_report, segment, 16);
AT(shmreg_reaper_report, object, 24);
AT(shmreg_reaper_report, n_repaired, 32);
AT(shmreg_reaper_report, n_freed, 40);
AT(shmreg_reaper_report, n_requeued, 48);
AT(shmreg_reaper_report, n_gave_up, 56);
SIZE(shmreg_reaper_report, 64);
