"""One dataclass per command; flags, TOML keys, defaults and help come from it."""
