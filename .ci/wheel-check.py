"""What an installed wheel must do, without compiler, Node, network or our sources: run by .ci/wheel-test.

Prints what it did. Argument: the folder of notebooks.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

BIN = Path(sys.executable).parent


def run(*words: str) -> str:
    """A command's standard output; it must end with 0."""
    done = subprocess.run(words, capture_output=True, text=True, timeout=300, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(words)} ended with {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def check_libraries() -> None:
    """Everything but the C library comes out of the wheel."""
    import headworks._core as core

    package = Path(core.__file__).parent
    libraries = sorted(path.name for path in package.parent.glob("headworks.libs/*"))
    mapped = {line.split()[-1] for line in Path("/proc/self/maps").read_text().splitlines() if ".so" in line}
    ours = [
        path
        for path in mapped
        if any(word in path for word in ("simdjson", "sodium", "sqlite3-", "ssl-", "crypto-"))
    ]
    assert ours and all("headworks.libs" in path for path in ours), ours
    print("libraries:", ", ".join(libraries))


def check_demo() -> None:
    """`headworks demo` gets ready, answers, serves the dashboard if it was built in, and stops."""
    with tempfile.TemporaryFile() as said:
        words = [str(BIN / "headworks"), "demo", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]
        process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=said, text=True)
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("headworks ready "), line
        urls = dict(word.split("=", 1) for word in line.split()[2:])
        with urllib.request.urlopen(f"{urls['data']}/readyz") as answer:
            assert answer.status == 200
        try:
            with urllib.request.urlopen(f"{urls['admin']}/") as answer:
                dashboard = answer.headers["content-type"]
        except urllib.error.HTTPError as error:
            dashboard = f"none ({error.code})"
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    print(f"demo: {line.strip()}; dashboard: {dashboard}")


def check_native() -> None:
    """The program without Python."""
    said = run(str(BIN / "headworksd"), "--version").strip().splitlines()[0]
    print("headworksd:", said)


def check_plugin() -> None:
    """A plug-in of another installed package is found by its entry point."""
    import sysconfig

    packages = Path(sysconfig.get_path("purelib"))
    about = packages / "wheel_check_plugin-1.0.dist-info"
    about.mkdir(exist_ok=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: wheel-check-plugin\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[headworks.plugins]\nmine = wheel_check_plugin\n")
    (packages / "wheel_check_plugin.py").write_text(
        "from headworks import hook\n\n@hook\ndef route(request, candidates):\n    return None\n"
    )
    said = run(str(BIN / "headworks"), "plugins", "test", "--json")
    assert [(one["hook"], one["raised"]) for one in json.loads(said)] == [("mine.route", False)], said
    print("plug-in of another package: found and called")


def check_notebook(file: Path) -> None:
    """From the first cell to the last."""
    import nbclient
    import nbformat

    notebook = nbformat.read(file, as_version=4)
    nbclient.NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
    cells = sum(cell["cell_type"] == "code" for cell in notebook["cells"])
    print(f"notebook: {file.name}, {cells} cells")


def main() -> None:
    """All of it, in order of cost."""
    tools = [tool for tool in ("gcc", "g++", "cmake", "node") if shutil.which(tool)]
    print("tools on this system:", ", ".join(tools) or "none")
    print("version:", " ".join(run(str(BIN / "headworks"), "version").split()))
    findings = json.loads(run(str(BIN / "headworks"), "doctor", "--json", "--data-dir", "/nowhere/at/all"))
    assert all(one["fine"] for one in findings if one["name"] != "certificates"), findings
    check_libraries()
    check_native()
    check_demo()
    check_plugin()
    os.environ["HEADWORKS_NOTEBOOK_SECONDS"] = "0.3"
    for file in sorted(Path(sys.argv[1]).glob("*.ipynb")):
        check_notebook(file)
    print("the wheel works")


if __name__ == "__main__":
    main()
