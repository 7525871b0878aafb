"""The commands of the README and of docs/insights.md, run as they stand: fenced sh blocks under an HTML comment `<!-- test -->`, in order, in one shell."""

import re
import subprocess

import pytest
from trailwatch import Paths

BLOCK = re.compile(r"^<!-- test -->\s*\n```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", ["README.md", "docs/insights.md"])
def test_commands_of_a_page(server, tmp_path, page):
    blocks = BLOCK.findall((Paths.workspace / page).read_text())
    assert blocks, f"{page} has no sh block marked <!-- test -->"
    script = "set -euo pipefail\n" + "\n".join(blocks)
    bin_folders = f"{Paths.newest('aws').parent}:{Paths.server().parent}"
    environment = server.environment(PATH=f"{bin_folders}:/usr/local/bin:/usr/bin:/bin", HOME=str(tmp_path))
    done = subprocess.run(["bash", "-xc", script], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
