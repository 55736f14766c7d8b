"""A debugger does not change a message: texts of payloads through everything that takes them along."""
