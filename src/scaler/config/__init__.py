"""Configuration of the commands and of the objects they are made of."""
