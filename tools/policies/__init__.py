"""Row policies, column masks and hidden tables of registered databases, kept by the admins of a workspace.

`records` keeps them; tools.reach tells what they leave a person, tools.queries.barrier holds every query to that.
"""

from tools.policies.records import Kept, add_policy, list_policies, remove_policy

__all__ = ["Kept", "add_policy", "list_policies", "remove_policy"]
