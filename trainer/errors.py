"""The one base class of errors that are meant for the person at the keyboard."""


class RedError(Exception):
    """Something the user can act on.

    The message says what went wrong, where, and what to do about it, so that a
    window or a command line can show it as it is, without a traceback.
    """
