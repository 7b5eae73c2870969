"""From what is written down to a circle that can be convened: the only place that knows every class.

Import what you need from the module that owns it: `config` for `circle.toml`, `build` for the circle.
"""
