"""The old path of `python -m reports.export_analytics`."""  # noqa: INP001 (a script, no package)

import sys

from reports.export_analytics import main

sys.exit(main())
