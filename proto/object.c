/* SPDX-License-Identifier: MIT */
#include <shmreg/abi/object.h>
