# The pool: its tests, without a daemon and with one.
