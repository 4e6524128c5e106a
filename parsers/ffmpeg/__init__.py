"""FFmpeg's stderr, `-progress` and `-report` files as events, for FFmpeg 4 to 9; reads nothing, keeps no secret.

`lines` takes one line apart, `stats` and `progress_file` read numbers, `header` what a session says of itself,
`classify` gives unlabelled messages a severity (data in `templates` and `source_table`), `keys` remembers stream keys
without keeping them, `session` decides how a session ended, `tracker` which one a line belongs to (`interleaved`, where
several write at once), `parser` ties them together.
"""

from parsers.ffmpeg.parser import FfmpegParser

__all__ = ["FfmpegParser"]
