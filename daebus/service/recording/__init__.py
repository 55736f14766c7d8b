"""What a service tells its flight recorder: of what it handles, and of what is logged meanwhile.

Law of this room: nothing here raises, waits, or does anything where there is no recorder.
"""
