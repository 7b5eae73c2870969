"""How the fitted parts were made and how they are tested: data, learning, fitting, evaluation. Needs numpy; nothing at run time does."""
