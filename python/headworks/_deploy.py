"""The files of headworks/deploy: how they are listed and shown. Nothing here reads what they say."""

from __future__ import annotations

from importlib.resources import files

from headworks.errors import NotFoundError

WHAT = {
    "headworks.service": "systemd unit, hardened (Type=notify)",
    "headworks.socket": "systemd socket unit: clients wait while the service is stopped",
    "Dockerfile": "image: multi-stage, not root, with a health check",
    "Dockerfile.dockerignore": "what the image's build does not need",
    "compose.yaml": "Docker Compose: one gateway",
    "kubernetes.yaml": "plain manifests: Deployment, Services, claim, NetworkPolicy",
    "alerts.yaml": "Prometheus alerting rules",
    "grafana.json": "Grafana board over the metrics",
}


def listing() -> str:
    """One file a line, and the folder where they are."""
    width = max(map(len, WHAT))
    lines = [f"{name:{width}}  {what}" for name, what in WHAT.items()]
    return "\n".join([*lines, "", f"in {files('headworks') / 'deploy'}"])


def text_of(name: str) -> str:
    """The file as it is. NotFoundError, with the names there are."""
    if name not in WHAT:
        raise NotFoundError(f"there is no file {name}; there are: {', '.join(WHAT)}")
    return (files("headworks") / "deploy" / name).read_text(encoding="utf-8")
