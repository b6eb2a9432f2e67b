"""What the queue runs: thin jobs over the same tools. `python -m workers` starts the crew that runs them."""
