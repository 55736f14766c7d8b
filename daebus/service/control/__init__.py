"""The control channel of a service, `daebus.control.<service>`: what is asked of an instance, and what it tells.

Law of this room: everything here runs on a reader thread, so that it works while all workers are busy; it waits for
nobody, changes nothing in what it tells of (but for the verbs of a debugger, which change its gates), and each answer
has a size that it cannot exceed. A verb is a module.
"""
