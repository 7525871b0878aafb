"""The README's commands, run as they stand: fenced sh blocks under an HTML comment `<!-- test -->`, in order, in one shell."""

import re
import subprocess

import pytest
from trailwatch import Paths

BLOCK = re.compile(r"^<!-- test -->\s*\n```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)


def test_readme_commands(server, tmp_path):
    readme = Paths.workspace / "README.md"
    if not readme.exists():
        pytest.skip("no README.md yet")
    blocks = BLOCK.findall(readme.read_text())
    assert blocks, "README.md has no sh block marked <!-- test -->"
    script = "set -euo pipefail\n" + "\n".join(blocks)
    bin_folders = f"{Paths.newest('aws').parent}:{Paths.server().parent}"
    environment = server.environment(PATH=f"{bin_folders}:/usr/local/bin:/usr/bin:/bin", HOME=str(tmp_path))
    done = subprocess.run(["bash", "-xc", script], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
