"""What the queue runs: thin jobs over the same tools."""
