"""PostgreSQL and Valkey for a set-up that names no servers of its own."""

from tools.embedded.servers import AlreadyRunning, Running, announce, places_of, running, servers

__all__ = ["AlreadyRunning", "Running", "announce", "places_of", "running", "servers"]
