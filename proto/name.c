/* SPDX-License-Identifier: MIT */
#include <shmreg/abi/name.h>
