# daemon/: shmregd (includes proto/ only) and shmreg-reaper (libclient's recovery and proto/).
