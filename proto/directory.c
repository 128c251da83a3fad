/* SPDX-License-Identifier: MIT */
#include <shmreg/abi/directory.h>
