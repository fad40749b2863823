"""From an order and beliefs to an ``ExecutionPlan``: strategies (a file each), exact slicer, cost, feasibility."""
