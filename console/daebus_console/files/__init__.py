"""The user's files: the one place where one is opened, to be read or written.

Law of this folder: no other module opens a file that the user named. A file is written beside its place and put there
when it is complete; what is read stays what it was when it was opened; a leading `~` is the home directory; `-` is
standard input or output. It knows nothing of captures, commands or terminals.
"""
