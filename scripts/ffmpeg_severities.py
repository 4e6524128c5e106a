"""Makes parsers/ffmpeg/severities.txt from FFmpeg's source: which severity its log calls give each message.

    python scripts/ffmpeg_severities.py ffmpeg-5.1.9 ffmpeg-7.1.5 ffmpeg-9.0.2 > parsers/ffmpeg/severities.txt

The arguments are unpacked source trees, the oldest first: where versions differ, the last one that has the message
counts. Only the parts of FFmpeg that a radio or a stream uses are read; messages without enough words of their own
(`%s: %s`) are left out.
"""  # noqa: INP001 (a script, no package)

import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

# Folder, and the beginnings of the names of the files in it that are read: what radio and live streams meet.
READ = {
    "fftools": "ffmpeg.|ffmpeg_|cmdutils|opt_common",
    "libavformat": (
        "aacdec|adtsenc|apetag|async|avformat|avio|concat|crypto|demux|fifo|file.|flac|flv|format.|hls.|hlsenc"
        "|hlsproto|http|icecast|id3v|img2|isom|libsrt|matroska|mov.|movenc.|mp3|mpegenc|mpegts|mux|network|ogg"
        "|options|protocols|rawdec|replaygain|rtmp|rtpproto|rtpdec.|rtsp.|seek|segment|srtdec|subtitles|tcp|tee"
        "|tls.|tls_gnutls|tls_openssl|udp|url|utils|vorbiscomment|wav"
    ),
    "libavcodec": (
        "aac|audio_frame_queue|avcodec|avpacket|bsf.|cbs.|cbs_h264|codec_|decode|dv|encode|error_resilience|flac"
        "|get_buffer|h264_|h264dec|h2645|libfdk|libmp3lame|libopus|libvorbis|libx26|mjpegdec|mjpegenc|mpeg12"
        "|mpegaudio|mpegvideo|nvenc.|opus|parser|pcm.|pngdec|ratecontrol|utils|vorbis"
    ),
    "libavcodec/aac": "",
    "libavcodec/bsf": "aac|h264|extract|chomp",
    "libavcodec/opus": "",
    "libavfilter": (
        "af_|asrc|audio|avfilter|buffer|f_|formats|framesync|graph|setpts|split|src_movie|vf_aspect|vf_crop."
        "|vf_drawtext|vf_fade|vf_format|vf_fps|vf_hwupload|vf_overlay.|vf_pad.|vf_scale.|vf_subtitles|video"
        "|vsrc_testsrc"
    ),
    "libavutil": ("channel_layout|eval|hwcontext.|hwcontext_cuda|hwcontext_vaapi|imgutils|opt.|parseutils|samplefmt"),
    "libswresample": "",
    "libswscale": "options|swscale.|utils",
    "libavdevice": "alsa|lavfi|pulse|v4l2.",
}
SEVERITIES = ("fatal", "error", "warning", "info", "verbose")
_CALL = re.compile(r'\bav_log(?:_once)?\s*\(((?:"(?:[^"\\]|\\.)*"|[^;"])+?)\);')
_LEVEL = re.compile(r"AV_LOG_([A-Z]+)")
_PIECE = re.compile(r'\s*(?:"((?:[^"\\]|\\.)*)"|((?:PRI|AV_PRI|SIZE_SPEC|FTYPE)\w*))')
_VARIABLE = re.compile(r"%%|%[-+ #0]*(?:\*|\d+)?(?:\.(?:\*|\d+))?(?:hh|h|ll|l|z|j|t)?[a-zA-Z]")
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_FEWEST_LETTERS = 7


def messages(tree: Path) -> Iterator[tuple[str, str]]:
    """Template and severity of each log call. A `*` stands for any text."""
    for folder, names in READ.items():
        for path in sorted((tree / folder).glob("*.[ch]")):
            if not path.name.startswith(tuple(names.split("|"))):
                continue
            source = _COMMENT.sub("", path.read_text(encoding="utf-8", errors="replace"))
            for call in _CALL.findall(source):
                head, quote, rest = call.partition('"')
                levels = _LEVEL.findall(head)
                template = template_of(quote + rest)
                # A level that depends on something is no fact about the message; the tables by hand know these.
                if len(levels) == 1 and levels[0].lower() in SEVERITIES and template:
                    yield template, levels[0].lower()


def template_of(arguments: str) -> str:
    """The first line that a format string prints; empty where its own words do not identify it."""
    text, at = "", 0
    while piece := _PIECE.match(arguments, at):
        text += piece.group(1) if piece.group(1) is not None else "d"
        at = piece.end()
    line, newline, _ = text.lstrip().removeprefix("\\n").partition("\\n")
    line = line.replace('\\"', '"').replace("\\'", "'").replace("\\t", "\t").replace("\\\\", "\\")
    line = _VARIABLE.sub(lambda found: "%" if found.group() == "%%" else "*", line)
    line = re.sub(r"\*+", "*", line).strip()
    fewest = _FEWEST_LETTERS
    if not newline and not line.endswith("*"):  # further calls go on with the line
        line += "*"
        fewest *= 2
    return line if sum(letter.isalpha() for letter in line) >= fewest and "\\" not in line else ""


def main(trees: list[str]) -> None:
    """Print the table."""
    known: dict[str, str] = {}
    for tree in trees:
        said: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for template, severity in messages(Path(tree)):
            said[template][severity] += 1
        for template, counts in said.items():
            known[template] = max(SEVERITIES, key=counts.__getitem__)
    made_from = ", ".join(Path(tree).name for tree in trees)
    table = [
        f"# Severities of FFmpeg's messages; made from {made_from} by scripts/ffmpeg_severities.py.",
        "# A * stands for any text.",
    ]
    for severity in SEVERITIES:
        table.append(f"={severity}")
        table += sorted(template for template, said_as in known.items() if said_as == severity)
    sys.stdout.write("\n".join(table) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
