# The topic: its tests, without a daemon and with one.
