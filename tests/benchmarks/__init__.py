"""Measurements, run by `make bench`; each says what data it needs."""
