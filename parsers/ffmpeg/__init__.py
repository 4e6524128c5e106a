"""FFmpeg's stderr, `-progress` and `-report` files as events, for FFmpeg 4 to 9; reads nothing, keeps no secret.

`lines` takes one line apart, `stats` and `progress_file` read numbers, `header` what a session says of itself,
`classify` gives unlabelled messages a severity (data in `templates`), `keys` remembers stream keys without keeping
them, `session` decides when a session begins and how it ended, `parser` ties them together.
"""

from parsers.ffmpeg.parser import FfmpegParser

__all__ = ["FfmpegParser"]
