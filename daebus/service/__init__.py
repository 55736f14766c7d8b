"""The answering side: the app and its handlers, from a message that arrives to the answer that goes out.

Law: whatever a message holds and whatever a handler does, whoever asked gets an answer. Imports every other room; no
other room imports it.
"""
