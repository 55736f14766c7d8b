"""The debugger of the framework: messages held, edited and harmed, on a real Redis, as both sides of the bus see it."""
