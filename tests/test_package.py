"""The wheel holds all three packages and works outside the checkout."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_the_wheel_works_outside_the_checkout(tmp_path: Path, suite_text: str) -> None:
    build = [sys.executable, "-m", "build", "--no-isolation", "--wheel", "--outdir", str(tmp_path), str(ROOT)]
    done = subprocess.run(build, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    site = tmp_path / "site"
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        archive.extractall(site)
    packages = {name.partition("/")[0] for name in names}
    assert {"benchmark", "pcvq2", "strategies"} <= packages
    assert not {"tests", "runs", "reports"} & packages
    scripts = next(name for name in names if name.endswith("entry_points.txt"))
    assert "bench = benchmark.cli:main" in (site / scripts).read_text()

    (tmp_path / "tiny.yaml").write_text(suite_text)
    # -I: neither checkout nor working directory is on the path; the wheel stands before the editable install
    code = (
        f"import sys; sys.path.insert(0, {str(site)!r})\n"
        "import benchmark, pcvq2, strategies\n"
        f"assert all(m.__file__.startswith({str(site)!r}) for m in (benchmark, pcvq2, strategies))\n"
        "from benchmark.cli import main\n"
        "sys.argv = ['bench', *sys.argv[1:]]\n"
        "main()\n"
    )
    for arguments in (["run", "tiny.yaml", "--local"], ["report", "tiny"]):
        done = subprocess.run(
            [sys.executable, "-I", "-c", code, *arguments],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "reports" / "tiny" / "README.md").is_file()
