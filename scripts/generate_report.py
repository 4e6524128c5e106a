"""The old path of `python -m reports.generate_report`."""  # noqa: INP001 (a script, no package)

import sys

from reports.generate_report import main

sys.exit(main())
