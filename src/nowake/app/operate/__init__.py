"""Operate a run from outside its process: a channel beside the journal, the desk of its owner, what is told."""
