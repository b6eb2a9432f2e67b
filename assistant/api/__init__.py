"""The REST API: one router a noun, thin routes over the functions that chat and command line call too.

`app` composes it, `person` says who is asking, `problems` is the one place where errors become JSON, `bounds` keeps
requests small and short, `pages` parts long lists, `streams` sends events as they happen.
"""

from assistant.api.app import Api, create_api, mount
from assistant.api.problems import PREFIX

__all__ = ["PREFIX", "Api", "create_api", "mount"]
