"""Headworks: a self-hosted LLM gateway, one endpoint in front of pools of upstream accounts.

    import headworks

    with headworks.Server(config="headworks.yaml") as server:
        print(server.openai().models.list())

Modules whose names begin with an underscore are private; what is public stands in `__all__`, here and in the
other modules (`headworks.backend_store`, `headworks.errors`, `headworks.testing`, ...).
"""

from headworks import errors
from headworks._config import check_configuration
from headworks._version import __version__
from headworks.admin import AdminClient
from headworks.errors import Problem
from headworks.hookspecs import Changes, Cool, Reject, hook
from headworks.models import Backend, ModelMapping
from headworks.server import Server
from headworks.store import Store

__all__ = [
    "AdminClient",
    "Backend",
    "Changes",
    "Cool",
    "ModelMapping",
    "Problem",
    "Reject",
    "Server",
    "Store",
    "__version__",
    "check_configuration",
    "errors",
    "hook",
]
