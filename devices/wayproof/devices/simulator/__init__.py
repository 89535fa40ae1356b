"""A fleet that never was: seeded, so that the same seed tells the same story to whoever asks, whenever they ask.

What a device measures at an instant is a pure function of seed, epoch, device and instant (`fleet`, `readings`).
What goes wrong on the way is a layer of its own (`disorder`). Only `runner` has a clock, files and a network.
"""
