"""The table of figures on the development data: `python -m mallku.detectors.evaluate`."""

from mallku.detectors.fitting.evaluate import main

if __name__ == "__main__":
    main()
