"""The first minute with leadsync: the demo, and the two commands that the README promises."""

import json
import re
from pathlib import Path

from tests.system.process import run

ROOT = Path(__file__).parents[2]


def commands_of_the_readme() -> list[str]:
    """The lines of its shell examples."""
    blocks = re.findall(r"(?ms)^```sh\n(.*?)^```$", (ROOT / "README.md").read_text())
    return [line for block in blocks for line in block.splitlines()]


def test_the_demo_shows_books_that_agree(tmp_path: Path) -> None:
    """Two rounds of three jobs, one replay, the vendor's bill beside the local total, and a house to look around in.

    It has a store of its own, also where the shell knows of the real one.
    """
    folder, real = tmp_path / "demo", tmp_path / "real"
    answer = run("demo", "--folder", folder, STATE_DIRECTORY=str(real))
    assert not real.exists()
    table = re.findall(r"(?m)^([a-z-]+) +(\d+) +(\d+) +(\d+) +(\d+) +(\d+)$", answer.out)
    assert answer.code == 0
    assert len(table) == 3
    assert all(new == bill == total != "0" for _, _, new, _, bill, total in table)
    assert sum(int(replays) for _, _, _, replays, _, _ in table) == 1
    assert "The books agree" in answer.out
    status = run("status", "--json", "--config", folder / "config.toml")
    assert status.code == 0
    assert {job["name"]: job["delivered"] for job in json.loads(status.out)["jobs"]} == {
        name: int(total) for name, _, _, _, _, total in table
    }


def test_the_demo_leaves_a_folder_in_use_alone(tmp_path: Path) -> None:
    """It never writes among somebody's files."""
    (tmp_path / "precious.txt").write_text("mine")
    answer = run("demo", "--folder", tmp_path)
    assert answer.code == 2
    assert f"{tmp_path} is not empty" in answer.sentence()
    assert [path.name for path in tmp_path.iterdir()] == ["precious.txt"]


def test_the_readme_begins_with_two_commands_that_can_be_pasted() -> None:
    """Each is one unbroken line that makes its own environment: one shows the demo, one runs the tests."""
    lines = commands_of_the_readme()
    for name in ("leadsync demo", "pytest"):
        (line,) = (line for line in lines if name in line)
        assert "python3 -m venv" in line
        assert line.count(" && ") == 2
        assert line.endswith(name)


def test_the_example_lies_where_the_readme_says() -> None:
    """It is at the root of the checkout, and named in the README."""
    assert (ROOT / "config.example.toml").is_file()
    assert "config.example.toml" in (ROOT / "README.md").read_text()
