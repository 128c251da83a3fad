# The cell: its tests, without a daemon and with one.
