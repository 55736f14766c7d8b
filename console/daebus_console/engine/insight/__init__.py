"""What many exchanges have in common, and what sets some of them apart: failures in groups, contrast, learned shapes.

Law of this room: pure, and nothing is worked out until somebody asks. Each part is handed exchanges one after the
other, keeps a bounded memory whatever comes, and says how many it has seen. Where it could not keep something, it
counts what it left out. It tells what goes together, never what is the cause of what.
"""
