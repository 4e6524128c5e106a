"""The HTML report in a real browser: nothing in it runs, nothing leaves, and it fits a phone."""

import json
import re
from dataclasses import replace
from html import unescape
from pathlib import Path

from browser_kit import dom_of, needs_chromium
from report_kit import HOSTILE, WINDOW, findings, hostile_findings, outage, template, track, uptime
from webhook_kit import webhook

from reports.report.build import build
from reports.report.findings import Findings
from reports.report.html import render_html
from reports.uptime import Span

pytestmark = needs_chromium


def attacks(url: str) -> tuple[str, ...]:
    """What a title says that wants to run, or to tell somebody that the report was opened."""
    mark = "document.documentElement.setAttribute('data-pwned','yes')"
    return (
        f"<script>{mark};fetch('{url}/fetch')</script>",
        f'<img src="{url}/img" onerror="{mark}">',
        f'"><svg onload="{mark}"><image href="{url}/svg"/></svg>',
        f'<link rel="stylesheet" href="{url}/css"><style>@import "{url}/import";*{{background:url({url}/bg)}}</style>',
        f'<iframe src="{url}/frame"></iframe><object data="{url}/object"></object><embed src="{url}/embed">',
        f'<video poster="{url}/poster"><source src="{url}/source"></video><script src="{url}/script"></script>',
        f"<link rel=prefetch href='{url}/prefetch'><link rel=icon href='{url}/icon'>",
    )


def poisoned(url: str) -> Findings:
    """A report with an attack wherever text from logs can stand."""
    texts = (*attacks(url), *(text for text in HOSTILE if "evil" in text))
    outages = tuple(outage(WINDOW.start, 60, cause=text, category=text, station=text) for text in texts)
    return replace(
        hostile_findings(), station=texts[1], stations=texts, templates=tuple(template(t, service=t) for t in texts),
        uptime=uptime(600.0, outages=outages, spans=tuple(Span(t, "up", WINDOW.start, WINDOW.end) for t in texts)),
        top_tracks=tuple(track(text, text) for text in texts),
    )  # fmt: skip


def test_no_script_of_a_title_runs_and_no_request_leaves(tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    with webhook() as server:
        url = f"http://127.0.0.1:{server.server_address[1]}"
        page.write_text(f"<!DOCTYPE html><title>unsafe</title>{''.join(attacks(url))}", encoding="utf-8")
        assert 'data-pwned="yes"' in dom_of(page), "the attacks work where nobody defends"
        assert {"/img", "/fetch", "/css", "/frame"} <= set(server.paths), "and the server would see them"
        server.paths.clear()

        html = render_html(build(poisoned(url)))
        page.write_text(html, encoding="utf-8")
        dom = dom_of(page)
        assert '<html lang="en">' in dom, "no script ran: the root element has no mark"
        assert not re.search(r"<(script|img|iframe|object|embed|link|video|image)[ >]", dom)
        assert attacks(url)[1] in unescape(dom), "it is there to be read"

        # The second line of defence: markup that got in all the same is stopped by the page's policy.
        page.write_text(html.replace("<main>", "<main>" + "".join(attacks(url))), encoding="utf-8")
        dom = dom_of(page)
        assert re.search(r"<main><script>", dom)
        assert '<html lang="en">' in dom, "no script ran: the root element has no mark"
        assert server.paths == []


def test_a_report_fits_a_phone_and_a_desk(tmp_path: Path) -> None:
    usual = findings(
        uptime=uptime(600.0, outages=(outage(WINDOW.start, 600),)), templates=(template("<url>: I/O error " * 20),)
    )
    reports = {"usual": usual, "hostile": hostile_findings()}
    for name, made in reports.items():
        (tmp_path / f"{name}.html").write_text(render_html(build(made)), encoding="utf-8")
    sizes = [(name, width) for name in reports for width in (390, 1180)]
    frames = "".join(f'<iframe src="{name}.html" width="{width}" height="900"></iframe>' for name, width in sizes)
    measure = "[...document.querySelectorAll('iframe')].map(f => f.contentDocument.documentElement.scrollWidth)"
    wrapper = tmp_path / "wrapper.html"
    wrapper.write_text(
        f"<!DOCTYPE html><style>iframe{{border:0}}</style>{frames}<pre></pre>"
        f"<script>onload = () => document.querySelector('pre').textContent = JSON.stringify({measure})</script>",
        encoding="utf-8",
    )
    dom = dom_of(wrapper, "--allow-file-access-from-files")
    found = re.search(r"<pre>(.*?)</pre>", dom)
    assert found is not None
    assert json.loads(found[1]) == [width for _, width in sizes], "nothing is wider than its window"
