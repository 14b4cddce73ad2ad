"""Other people's proxies in front of the gateway: nginx, HAProxy and Apache, as Debian ships them."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

from support.until import until

_NGINX = """
daemon off;
master_process off;
error_log {folder}/error.log;
pid {folder}/pid;
events {{}}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  upstream behind {{ server {behind}; keepalive 1; }}
  server {{
    listen 127.0.0.1:{port};
    location / {{ proxy_pass http://behind; proxy_http_version 1.1; proxy_set_header Connection ""; }}
  }}
}}
"""

_HAPROXY = """
defaults
  mode http
  timeout connect 5s
  timeout client 20s
  timeout server 20s
frontend front
  bind 127.0.0.1:{port}
  default_backend behind
backend behind
  http-reuse always
  server one {behind}
"""

_APACHE = """
ServerRoot {folder}
PidFile {folder}/pid
ErrorLog {folder}/error.log
ServerName 127.0.0.1
Listen 127.0.0.1:{port}
LoadModule mpm_event_module {modules}/mod_mpm_event.so
LoadModule authz_core_module {modules}/mod_authz_core.so
LoadModule proxy_module {modules}/mod_proxy.so
LoadModule proxy_http_module {modules}/mod_proxy_http.so
StartServers 1
ServerLimit 1
ThreadsPerChild 25
MaxRequestWorkers 25
ProxyPass / http://{behind}/ keepalive=On max=2
"""

_MODULES = "/usr/lib/apache2/modules"


def _find(name: str) -> str:
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
    assert found, f"{name} is missing: `make test` installs it"
    return found


def _nginx(file: Path) -> list[str]:
    return [_find("nginx"), "-p", str(file.parent), "-c", str(file)]


def _haproxy(file: Path) -> list[str]:
    return [_find("haproxy"), "-db", "-q", "-f", str(file)]


def _apache(file: Path) -> list[str]:
    return [_find("apache2"), "-DFOREGROUND", "-f", str(file)]


PROXIES: dict[str, tuple[str, Callable[[Path], list[str]]]] = {
    "nginx": (_NGINX, _nginx),
    "haproxy": (_HAPROXY, _haproxy),
    "apache": (_APACHE, _apache),
}


@contextlib.contextmanager
def proxy(name: str, behind: str, folder: Path) -> Iterator[str]:
    """Its URL. `behind`: HOST:PORT of what it passes requests to, over as few connections as it can."""
    config, command = PROXIES[name]
    with socket.socket() as probe:  # none of them can be asked to take any free port
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    file = folder / f"{name}.conf"
    file.write_text(config.format(folder=folder, port=port, behind=behind, modules=_MODULES))
    with (folder / "out.log").open("wb") as log:
        process = subprocess.Popen(command(file), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        until(lambda: _listens(port), 20, what=f"{name} to listen")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
