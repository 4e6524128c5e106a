"""docs/configuration.md, made from the settings, their permitted values and the comments of env.example.

`make docs` writes it; a test says when it is not up to date.
"""

import re
import sys
from pathlib import Path

from pydantic import SecretStr

from logging_module import rules
from logging_module.config import CONFIG_VARIABLE, LoggingConfig, variable_name

_HEAD = """# Configuration

Made by `make docs` from the code and `env.example`; do not edit.

Every setting is a variable of the environment or of `.env` in the working directory, or stands in the file that
`RADIOLOG_CONFIG` names ([stations.md](stations.md)). The environment goes before `.env`, that before the file, the file
before the default; an empty value means unset. `radiolog config show` prints what is in force and where each value came
from. `LoggingConfig` takes the same settings as arguments, in lower case and without `RADIOLOG_`.
"""
_SETTING = re.compile(r"^#(?P<variable>[A-Z][A-Z0-9_]*)=(?P<value>.*)$")


def configuration_page(env_example: str) -> str:
    """The page, as Markdown.

    Args:
        env_example: the text of env.example: its sections and what it says of each variable.
    """
    attributes: dict[str, str | None] = {variable_name(name): name for name in LoggingConfig.model_fields}
    attributes[CONFIG_VARIABLE] = None
    lines, said = [_HEAD], list[str]()
    for line in env_example.splitlines():
        setting = _SETTING.match(line)
        if line.startswith("# ------"):
            lines.append(f"\n## {line.strip('# -').capitalize()}\n")
            lines += ["| variable | default | permitted | meaning |", "| --- | --- | --- | --- |"]
            said = []
        elif setting:
            variable = setting["variable"]
            name = attributes[variable]
            rule = ("", "a path") if name is None else (_default(name), rules.permitted(name))
            cells = (f"`{variable}`", *rule, " ".join(said))
            lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
            said = []
        elif line.startswith("#"):
            said.append(line.lstrip("# "))
        else:
            said = []
    return "\n".join(lines) + "\n"


def _default(name: str) -> str:
    value = LoggingConfig.model_fields[name].default
    if value is None or value == () or isinstance(value, SecretStr):
        return ""
    text = ",".join(value) if isinstance(value, tuple) else str(value)
    return f"`{text.lower() if isinstance(value, bool) else text}`"


if __name__ == "__main__":
    sys.stdout.write(configuration_page(Path("env.example").read_text(encoding="utf-8")))
