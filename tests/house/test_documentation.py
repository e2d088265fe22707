"""The documentation knows every setting, metric, topic and command, and tells of nothing that is not there."""

import ast
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path

import pytest
import yaml

import loa
from broadcast.settings import Settings
from speakers.topic import MARKER_TOPIC, TOPICS

Page = Callable[[str], str]
PLACEHOLDER = re.compile(r"<[^<>/]+>|\{[^{}/]+\}")
SHELL = re.compile(r"```sh\n(.*?)```", re.DOTALL)


def setting_rows() -> list[str]:
    """The line of docs/settings.md for each setting, as it must stand there."""
    rows = []
    for field in fields(Settings):
        default = f"`{str(field.default).lower() if isinstance(field.default, bool) else field.default}`"
        shown = default if str(field.default) else "(empty)"
        rows.append(f"| `{field.name}` | `LOA_{field.name.upper()}` | {shown} | {field.metadata['doc']} |")
    return rows


def test_each_setting_is_in_its_table_with_its_default(page: Page) -> None:
    lines = page("docs/settings.md").splitlines()
    missing = [row for row in setting_rows() if row not in lines]
    assert not missing, "docs/settings.md lacks:\n" + "\n".join(missing)
    gone = [line for line in lines if re.match(r"\| `\w+` \| `LOA_", line) and line not in setting_rows()]
    assert not gone, "docs/settings.md tells of what is not so:\n" + "\n".join(gone)


def names_of_metrics(room_modules: dict[Path, ast.Module]) -> set[str]:
    return {
        node.value
        for name, module in room_modules.items()
        for node in ast.walk(module)
        if name.parts[0] == "monitoring" and isinstance(node, ast.Constant) and isinstance(node.value, str)
        if re.fullmatch(r"loa_[a-z0-9_]+", node.value)
    }


def test_each_metric_is_in_its_table(room_modules: dict[Path, ast.Module], page: Page) -> None:
    told = {name.removesuffix("_total") for name in re.findall(r"`(loa_[a-z0-9_]+)", page("docs/metrics.md"))}
    metrics = {name.removesuffix("_total") for name in names_of_metrics(room_modules)}
    assert metrics - told == set(), "docs/metrics.md lacks these"
    assert told - metrics == set(), "docs/metrics.md tells of these, which do not exist"


def test_alerts_ask_only_for_metrics_that_exist(page: Page) -> None:
    asked = set(re.findall(r"\bloa_[a-z0-9_]+", page("deploy/prometheus/rules.yml")))
    told = set(re.findall(r"loa_[a-z0-9_]+", page("docs/metrics.md")))
    endings = ("", "_total", "_bucket", "_count", "_sum")
    assert {name for name in asked if not any(name.removesuffix(end) in told for end in endings)} == set()


def test_each_topic_is_in_the_specification_of_the_wire(page: Page) -> None:
    told = {PLACEHOLDER.sub("*", text) for text in re.findall(r"`(loa/1/[^`\s]+)`", page("docs/wire.md"))}
    topics = {PLACEHOLDER.sub("*", kind.template) for kind in TOPICS.values()} | {MARKER_TOPIC}
    assert topics - told == set(), "docs/wire.md lacks these"


def pages_of(kept_files: list[Path]) -> list[Path]:
    return [name for name in kept_files if name.suffix == ".md"]


def test_each_link_leads_somewhere(kept_files: list[Path], repository: Path) -> None:
    lost = []
    for name in pages_of(kept_files):
        for target in re.findall(r"\]\(([^)\s]+)\)", (repository / name).read_text()):
            place = target.partition("#")[0]
            if place and "://" not in place and not (repository / name.parent / place).exists():
                lost.append(f"{name}: {target}")
    assert lost == []


def test_each_file_that_a_page_names_exists(kept_files: list[Path], repository: Path) -> None:
    """`broadcast/onair` or `broadcast/onair.py`, in backquotes: a module, a folder or a file."""
    lost = []
    for name in pages_of(kept_files):
        named = re.findall(
            r"`((?:streams|broadcast|speakers|monitoring|web|tests|scripts|deploy|docs)/[\w/.*-]*)`",
            (repository / name).read_text(),
        )
        lost += [f"{name}: {place}" for place in named if not stands(repository, place)]
    assert lost == []


def stands(repository: Path, place: str) -> bool:
    return any(any(repository.glob(place.rstrip("/") + ending)) for ending in ("", ".py"))


def shell_lines(text: str) -> Iterator[str]:
    """The commands of a page, without their comments."""
    for block in SHELL.findall(text):
        for line in block.splitlines():
            command = re.sub(r"\s+#.*", "", line).strip()
            if command and not command.startswith("#"):
                yield command


@pytest.mark.parametrize("name", ["README.md", "README.vi.md", "CONTRIBUTING.md"])
def test_each_command_of_a_page_exists(name: str, page: Page, repository: Path) -> None:
    compose = yaml.safe_load(page("docker-compose.yml"))
    profiles = {profile for service in compose["services"].values() for profile in service["profiles"]}
    commands = list(shell_lines(page(name)))
    assert commands
    for command in commands:
        for program in re.findall(r"\b(?:scripts|deploy)/[\w-]+(?![\w/.-])", command):
            assert os.access(repository / program, os.X_OK), f"{name}: {command}"
        assert set(re.findall(r"--profile (\w+)", command)) <= profiles, f"{name}: {command}"
        assert set(re.findall(r"compose exec (\w+)", command)) <= compose["services"].keys(), f"{name}: {command}"
    spoken = set(re.findall(r"(?:^|[ `])loa ([a-z]+)", "\n".join([*commands, *re.findall(r"`loa [a-z]+", page(name))])))
    assert spoken <= loa.COMMANDS.keys()


def test_both_readmes_give_the_same_commands(page: Page) -> None:
    assert list(shell_lines(page("README.md"))) == list(shell_lines(page("README.vi.md")))


def test_each_decision_has_its_number_once_and_fits_a_page(repository: Path) -> None:
    records = sorted((repository / "docs/decisions").glob("*.md"))
    assert [int(record.name[:4]) for record in records] == list(range(1, len(records) + 1))
    assert [record.name for record in records if len(record.read_text().splitlines()) > 60] == []
