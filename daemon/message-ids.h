/* SPDX-License-Identifier: MIT */
#ifndef SHMREGD_MESSAGE_IDS_H
#define SHMREGD_MESSAGE_IDS_H

/*
 * message-ids.h - MESSAGE_ID= of the journal's entries, one for each kind of event
 *
 * For ever: scripts and alarms look for them. shmregd(8) lists them, which tests/man.sh compares.
 */

#define MESSAGE_IDS(X)                                                                            \
	X(STARTED, "504ab2ec55cb4b869824abc1599fb9b8")	/* and listens */                         \
	X(ENDS, "1bb7eac767a0434c958c0b18c75285f6")	/* was told to */                         \
	X(CONFIG_READ, "6d77ab1e4ed4416a997a63f2c1bcfc93")                                        \
	X(CONFIG_REFUSED, "5e09a641f56f487e8630b55550ef4996")                                     \
	X(STORE_FULL, "f27e1f5d73d445e3a6d90e771e6afa47")                                         \
	X(SEGMENT_CREATED, "53f338477b95465482f24bd2dc378967")                                    \
	X(SEGMENT_REMOVED, "b71f586984a54604a80693266c51e657")	/* its name */                    \
	X(SEGMENT_CHANGED, "c0f32b7e00284b86b07529419d79b4ac")                                    \
	X(SEGMENT_DISPOSED, "be07c9f8f7a44128a814bfc5b84bae70")	/* its memory, too */             \
	X(SEGMENT_LOST, "9994c4b199b8499193719328a91e1357")	/* over a restart */              \
	X(SEGMENT_LAYOUT, "0d5e1a8c7f254a0e9b9d6c1b60f6f3b2")	/* of another version */           \
	X(ATTACHED, "e03a1c9829344d1aa0e88be31ca56f5e")                                           \
	X(DETACHED, "2b3a303cc4e843d6875cfe3ed4311f4e")                                           \
	X(OBJECT_CREATED, "e9c406e31ff44d7ab241eb79a52e89c2")                                     \
	X(OBJECT_REMOVED, "c4c3fce8b41d4abc880240b8a1e2c6f4")                                     \
	X(DIED, "9e08cd290a304e5da02c3508f22f0fb2")                                               \
	X(REPAIRED, "edb32a948deb488a978162cd36e24531")                                           \
	X(REPAIR_FAILED, "706c4ba1336f4c8e96df500c503c40e7")                                      \
	X(QUARANTINED, "1e0db8002ba841b9abd87dc0a9d000e4")                                        \
	X(REFUSED, "4f7973fe6864467e92888819f275e72a")                                            \
	X(HUNG_UP, "e8283677189f47e685708611fc19eb11")                                            \
	X(LIMIT_SET, "0bac3347b1384882837a4b3047eca988")	/* of one user */

enum message_id {
	MESSAGE_NONE = 0,
#define MESSAGE_ENUM(name, id) MESSAGE_##name,
	MESSAGE_IDS(MESSAGE_ENUM)
#undef MESSAGE_ENUM
	N_MESSAGES
};

#endif /* SHMREGD_MESSAGE_IDS_H */
