/* SPDX-License-Identifier: MIT */
#include <shmreg/abi/packet.h>
