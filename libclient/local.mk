# libclient/: libshmreg. Includes proto/ only; needs libc only.
