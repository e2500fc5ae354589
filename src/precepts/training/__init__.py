"""Training, the only room that imports trl: examples, weighted losses, SFT by subclassing TRL, and calibration of the verdict.

`minimal.py` is the same algorithm in one readable file, without TRL.
"""
