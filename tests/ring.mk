# The ring: its tests, without a daemon and with one.
