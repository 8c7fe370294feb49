"""Tests of the exports: the formats by their own readers, and the study against a stand-in header."""
