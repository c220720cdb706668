"""Methods that turn an instruction into something cheaper to read."""
