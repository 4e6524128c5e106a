"""The writers' side: `RadioLogger` and `LoggingConfig`; `Analytics` is handed on when somebody asks for it."""
