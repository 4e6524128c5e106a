"""What is wrong with settings. Imports nothing, so that a program can know the error before it needs the settings."""


class ConfigurationError(ValueError):
    """Settings are wrong. `str()` names every wrong variable and its permitted values; `problems` lists them.

    Args:
        problems: one sentence a variable, free of secrets.
    """

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("wrong configuration:\n" + "\n".join(f"  {problem}" for problem in problems))
        self.problems = problems
