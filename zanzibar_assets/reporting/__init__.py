"""Screens, pages and plots for people."""
