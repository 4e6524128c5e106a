"""The old path of `python -m reports.generate_report`."""

import sys

from reports.generate_report import main

sys.exit(main())
