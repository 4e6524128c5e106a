"""The library of the sample station: invented artists and titles, some of them hostile. Data only."""

from typing import NamedTuple


class Track(NamedTuple):
    """One track. `song_id` is what AzuraCast would call it."""

    artist: str
    title: str
    album: str
    duration_seconds: float
    song_id: str


_ORDINARY = """
Marlow Teal|Sodium Lights|Ring Road
Marlow Teal|Last Bus to Harbour|Ring Road
Marlow Teal|Ring Road|Ring Road
The Quiet Turbines|Windbreak|Leeward
The Quiet Turbines|Leeward|Leeward
The Quiet Turbines|Slow Rotor|Leeward
Odalys Venn|Glass Commute|Night Desk
Odalys Venn|Night Desk|Night Desk
Odalys Venn|Elevator to Nine|Night Desk
Kassette Nord|Band A|C60
Kassette Nord|Band B|C60
Kassette Nord|Auto Reverse|C60
Brother Halogen|Filament|Watts
Brother Halogen|Dimmer|Watts
Low Tide Ferry|Car Deck|Crossing
Low Tide Ferry|Crossing at Four|Crossing
Low Tide Ferry|Foghorn in B|Crossing
Paper Antenna|Shortwave Lullaby|Static Garden
Paper Antenna|Static Garden|Static Garden
Paper Antenna|Call Sign|Static Garden
Ines Karo|Tempelhof 5 a.m.|Rollfeld
Ines Karo|Rollfeld|Rollfeld
Velvet Odometer|Hundred Thousand|Trip Meter
Velvet Odometer|Trip Meter|Trip Meter
Velvet Odometer|Service Due|Trip Meter
Jun Okabe Trio|Parking Level 3|Concrete Ballads
Jun Okabe Trio|Concrete Ballad|Concrete Ballads
Moth Committee|Agenda Item One|Minutes
Moth Committee|Any Other Business|Minutes
Saffron Relay|Baton|Four by Four
Saffron Relay|Anchor Leg|Four by Four
Norbert & the Gauges|Oil Pressure|Dashboard
Norbert & the Gauges|Blink Twice|Dashboard
Hal Underpass|Reverb No. 7|Underpass
Hal Underpass|Pigeons|Underpass
Cassini Drive-In|Second Feature|Screen Two
Cassini Drive-In|Popcorn Weather|Screen Two
Aurora Tollbooth|Exact Change|Exit 14
Aurora Tollbooth|Exit 14|Exit 14
Aurora Tollbooth|Hazard Lights|Exit 14
Deep Freezer Hum|Aisle Eleven|Open All Night
Deep Freezer Hum|Open All Night|Open All Night
Télégramme Bleu|Gare de nuit|Quai 7
Télégramme Bleu|Quai 7|Quai 7
Møns Radio|Fyrtårn|Langbølge
Møns Radio|Langbølge|Langbølge
Grüne Welle|Tempo 50|Stadtwerke
Grüne Welle|Ampelphase|Stadtwerke
夜行列車クラブ|最終電車|始発まで
夜行列車クラブ|始発まで|始発まで
Ночной Троллейбус|Кольцевая|Депо
Ночной Троллейбус|Депо|Депо
"""

_HOSTILE = (
    ("فرقة الليل", "طريق الصحراء", "محطة أخيرة"),  # right to left
    ("Overr\u202eide", "Left\u2067Right", "Bidi"),  # characters that turn the direction of what follows
    ("Sheet Music", '=HYPERLINK("http://example.invalid/?"&A1,"free tickets")', "+1+1"),
    ("<script>alert(1)</script>", "<img src=x onerror=alert(2)>", "&amp;"),
    ("@everyone", "<@&123> `@here`", "*bold* _no_"),
    ("Esc\x1b[31mape", "\x1b]0;title\x07 \x1b[2J", "\x9b1m"),
    ("Emoji 🎛️👩‍🚀", "🌃" * 12, "Z̸a̸l̸g̸o̸"),
    ("Robert'); DROP TABLE play_history;--", "100% \\x00 %s {0} ${HOME}", "C:\\temp\\new"),
)


def library() -> tuple[Track, ...]:
    """All tracks, the ordinary ones first; lengths and song ids follow from the position."""
    rows = [tuple(row.split("|")) for row in _ORDINARY.strip().splitlines()]
    return tuple(
        Track(artist, title, album, 150.0 + (at * 37 % 127) + (at % 10) / 10, f"{at * 2654435761 % 2**32:08x}")
        for at, (artist, title, album) in enumerate([*rows, *_HOSTILE])
    )
