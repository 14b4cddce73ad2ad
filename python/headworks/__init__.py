"""Headworks: a self-hosted LLM gateway, one endpoint in front of pools of upstream accounts.

A gateway in this process, with SDK clients that call it:

    import headworks

    with headworks.Server("headworks.yaml") as server:      # or a dictionary; port 0 is any free one
        client = server.openai()                            # or anthropic(); server.url, server.client_key
        client.chat.completions.create(
            model="llama-70b", messages=[{"role": "user", "content": "Hello"}]
        )
        server.usage(by="model").to_pandas()                # or rows(), to_polars(), any reader of Arrow
        server.explain("llama-70b")                         # where a request would go now, and why

A gateway that runs elsewhere, by its admin API:

    with headworks.AdminClient(url, token) as admin:        # or found by the data directory
        admin.create_backend("nim-2", "https://provider.example/v1", api_key=key, rpm_limit=40)
        for exchange in admin.all_exchanges(errors=True, since="24h"):
            print(exchange["request_id"], exchange["error"])

    async with headworks.AsyncAdminClient(url, token) as admin:     # the same methods, awaited
        await admin.backends()

A plug-in: a module that the configuration names under `plugins:`, or Server(plugins=[...]):

    @headworks.hook(timeout_ms=20, on_error="ignore")       # late, or wrong: as if it had no opinion
    def route(request, candidates):                         # admit, failed and finished are the other points
        if "x-team" not in request.headers:
            return headworks.Reject("say your team in x-team")
        return sorted(candidates, key=lambda one: one.in_flight)

Scripts that were written for the Python sidecar change an import; they work beside a running gateway or
without:

    from headworks.backend_store import create_backend, list_backends, set_backend_cooldown

What would happen, and how fast it is:

    headworks.simulate(config, headworks.Workload(per_minute=180)).plot()
    headworks.bench(server.url, key=server.client_key, model="llama-70b").latency_ms["p99"]

The modules:

    headworks.admin          AdminClient, AsyncAdminClient
    headworks.backend_store  the sidecar's nine functions
    headworks.errors         everything that is raised, as one tree
    headworks.examples       plug-ins to copy
    headworks.hookspecs      what hooks see, and what they may answer
    headworks.models         Backend and ModelMapping, the rows of a Store
    headworks.rows           the types of what the admin API takes and answers
    headworks.testing        a programmable upstream, pytest fixtures, two machines of the core

Modules whose names begin with an underscore are private; what is public stands in `__all__`, here and there.
"""

from headworks import errors
from headworks._bench import BenchResult, bench
from headworks._config import check_configuration
from headworks._simulation import Outage, Timeline, UpstreamModel, Workload, simulate
from headworks._version import __version__
from headworks.admin import AdminClient, AsyncAdminClient
from headworks.errors import Problem
from headworks.hookspecs import Changes, Cool, Reject, hook
from headworks.models import Backend, ModelMapping
from headworks.plan import Plan
from headworks.server import Server
from headworks.store import Store
from headworks.usage import Usage

__all__ = [
    "AdminClient",
    "AsyncAdminClient",
    "Backend",
    "BenchResult",
    "Changes",
    "Cool",
    "ModelMapping",
    "Outage",
    "Plan",
    "Problem",
    "Reject",
    "Server",
    "Store",
    "Timeline",
    "UpstreamModel",
    "Usage",
    "Workload",
    "__version__",
    "bench",
    "check_configuration",
    "errors",
    "hook",
    "simulate",
]
