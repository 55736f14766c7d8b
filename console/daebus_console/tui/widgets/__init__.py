"""One widget a module. A widget draws what it is given and posts messages up; it decides nothing."""
