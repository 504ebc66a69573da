"""The frame and the style of the HTML pages that people look at: the report of an audit, the failures of a model.

The style needs no script, no font and no network. Verdicts have one colour each, in text, bars and borders.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

STYLE = """\
:root { --match: #126b2f; --no_match: #a8201a; --undecided: #8a5a00; --close_call: #1d5a9e; --line: #d5d9de;
  --note: #59626d; --ground: #f5f6f8; color-scheme: light }
* { box-sizing: border-box }
body { font: 15px/1.45 system-ui, sans-serif; color: #1b1f24; background: var(--ground); margin: 0 }
main, body > header, body > nav { max-width: 80rem; margin: 0 auto; padding: 0 1rem }
h1 { font-size: 1.6rem; margin: 1rem 0 .2rem } h1 + p { margin: 0 0 .6rem }
h2 { font-size: 1.1rem; margin: 0; overflow-wrap: anywhere }
a { color: #0b57a4 } a:focus-visible, input:focus-visible, button:focus-visible, summary:focus-visible, article:focus {
  outline: 3px solid #f0a500; outline-offset: 2px }
code { font: .88em ui-monospace, monospace; color: var(--note) }
.note { color: var(--note); font-size: .88rem } .skip { position: absolute; left: -99rem } .skip:focus { left: 1rem }
.match { --own: var(--match) } .no_match { --own: var(--no_match) }
.undecided { --own: var(--undecided) } .close_call { --own: var(--close_call) }
section, article, figure.failure { background: #fff; border: 1px solid var(--line); border-radius: 6px }

.top { display: flex; flex-wrap: wrap; gap: .5rem 2rem; align-items: center; justify-content: space-between }
.search { position: relative; margin: .6rem 0 }
.search label { display: block; font-weight: 600; margin-bottom: .35rem }
input, button { font: inherit; padding: .35rem .6rem; border: 1px solid #8b949e; border-radius: 4px; background: #fff }
input[type=search] { width: 19rem; max-width: 100% } input[type=number] { width: 6.5rem } button { cursor: pointer }
.found { position: absolute; z-index: 1; background: #fff; border: 1px solid var(--line); border-radius: 4px;
  box-shadow: 0 6px 18px #0003; margin: .2rem 0 0; padding: .3rem; list-style: none; min-width: 19rem }
.found:empty { display: none } .found a { display: block; padding: .25rem .5rem; text-decoration: none }
.found a:hover, .found a:focus { background: var(--ground) } .found span { float: right; color: var(--own) }
.said { margin: .2rem 0; min-height: 1.3em }

.counts { display: flex; flex-wrap: wrap; gap: .75rem; padding: 0; margin: 1rem 0; list-style: none }
.counts li { flex: 1 1 9rem; background: #fff; border: 1px solid var(--line); border-radius: 6px;
  border-top: 4px solid var(--own, #59626d); padding: .6rem .9rem }
.counts strong { display: block; font-size: 1.7rem; line-height: 1.2; color: var(--own, inherit) }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(23rem, 1fr)); gap: 1rem }
.plots section { padding: .9rem 1rem } svg { width: 100%; height: auto; display: block; margin: .5rem 0 }
svg text { font: 13px system-ui, sans-serif; fill: var(--note) } svg .value { fill: #1b1f24 }
svg rect { fill: var(--own, #59626d) } svg .axis { stroke: var(--line) }
svg .limit { stroke: #1b1f24; stroke-dasharray: 3 3 }
.reasons { list-style: none; margin: .5rem 0; padding: 0 } .reasons svg { height: 9px; margin: .15rem 0 .7rem }
.legend { font-size: .88rem } .legend span { margin-right: 1rem; white-space: nowrap }
.legend span::before { content: ""; display: inline-block; width: .75em; height: .75em; margin-right: .35em;
  background: var(--own) }

.pager { display: flex; flex-wrap: wrap; gap: .4rem 1.2rem; align-items: center; margin: .8rem auto }
.pager form { display: inline-flex; gap: .4rem; align-items: center; margin: 0 }
article { display: grid; grid-template-columns: 21rem minmax(0, 1fr); gap: .6rem 1.4rem; margin: 0 0 .9rem;
  padding: .9rem 1rem; border-left: 5px solid var(--own) }
body:not(:has(article:focus)) article:target { box-shadow: 0 0 0 3px #f0a500 }
article p { margin: .25rem 0 }
article h2 a { color: inherit; text-decoration: none } article h2 a:hover { text-decoration: underline }
.verdict { color: var(--own); font-weight: 700 }
dl { display: flex; flex-wrap: wrap; gap: .2rem 1.4rem; margin: .5rem 0 }
dl div { display: flex; flex-direction: column-reverse } dt { color: var(--note); font-size: .82rem }
dd { margin: 0; font-variant-numeric: tabular-nums; font-size: 1.1rem }
figure { margin: 0; min-width: 0 }
figure img { height: 348px; max-width: 100%; object-fit: contain; object-position: left top }
figure.alone img { height: 220px } figcaption { display: flex; flex-wrap: wrap; gap: 0 1.6rem; overflow-wrap: anywhere }
.inputs { margin: 0; padding: 0; list-style: none } .inputs li { display: inline; margin-right: .9rem }
.inputs, details { overflow-wrap: anywhere } summary { cursor: pointer } details { grid-column: 1 / -1 }
details ul { margin: .3rem 0; padding-left: 1.2rem; columns: 24rem }
@media (max-width: 60rem) { article { grid-template-columns: minmax(0, 1fr) } figure img { height: auto } }

.failures { display: grid; grid-template-columns: repeat(auto-fill, minmax(26rem, 1fr)); gap: 1rem; border: 0;
  background: none; margin: .6rem 0 2rem }
figure.failure { padding: .6rem } figure.failure img { height: auto } figure.failure figcaption { display: block }
"""


def html_page(title: str, body: Iterable[str], head: str = f"<style>\n{STYLE}</style>") -> str:
    """A whole page. `title` is escaped, `body` and `head` are HTML; `head` brings the style, here or in a file."""
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(title)}</title>",
            head,
            "</head><body>",
            *body,
            "</body></html>",
            "",
        ]
    )
