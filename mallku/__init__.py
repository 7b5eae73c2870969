"""mallku: language models on people's own computers deliberate in a circle.

Import what you need from the room that owns it, for example
`from mallku.firecircle import FireCircle`. Importing `mallku` itself loads nothing.
"""

__version__ = "0.1.0"
