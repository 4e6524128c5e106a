"""The old path of `python -m reports.export_analytics`."""

import sys

from reports.export_analytics import main

sys.exit(main())
