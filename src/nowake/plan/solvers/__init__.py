"""Optimal schedules: closed forms where they exist, O(N) kernels where caps bind."""
