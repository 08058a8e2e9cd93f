"""A workflow as a picture: SVG, a Mermaid flowchart, or a page to look around in.

Secrets are taken out first: pictures are shown around.
"""

import base64
import hashlib
from collections.abc import Callable

from dsl import OptionError
from dsl.ir import Flow
from dsl.lettering import clean
from dsl.mermaid import mermaid
from dsl.secrets import mask
from dsl.svg import svg

PAGE_STYLE = """
html,body{margin:0;height:100%;overflow:hidden;font:14px system-ui,sans-serif;color:#1c2430;background:#fff}
header{position:fixed;top:0;left:0;right:0;display:flex;gap:12px;align-items:center;padding:8px 14px;z-index:1;
background:rgba(255,255,255,.94);border-bottom:1px solid #d5dae1}
h1{font-size:15px;margin:0;white-space:nowrap;overflow:hidden;text-overflow:ellipsis;flex:1}
input{font:inherit;padding:4px 8px;width:19em}button{font:inherit;min-width:2.2em}
#view{position:absolute;inset:46px 0 0 0;overflow:hidden;cursor:grab;touch-action:none}
#view>svg{transform-origin:0 0;position:absolute}
.searching .node:not(.found){opacity:.25}.found .box{stroke-width:4}
"""
PAGE_SCRIPT = """
const view = document.getElementById('view'), picture = view.querySelector('svg');
const search = document.getElementById('search'), count = document.getElementById('count');
let x = 0, y = 0, scale = 1, next = 0, held = null, moved = false;
const from = picture.viewBox.baseVal, width = from.width, height = from.height;
function show() { picture.style.transform = `translate(${x}px,${y}px) scale(${scale})`; }
function zoom(by, atX, atY) {
  moved = true;
  const to = Math.min(4, Math.max(0.02, scale * by));
  x = atX - (atX - x) * to / scale; y = atY - (atY - y) * to / scale; scale = to; show();
}
function fit() {
  moved = false;
  scale = Math.min(1, view.clientWidth / width, view.clientHeight / height);
  x = (view.clientWidth - width * scale) / 2; y = (view.clientHeight - height * scale) / 2; show();
}
function middle(by) { zoom(by, view.clientWidth / 2, view.clientHeight / 2); }
function find() {
  const wanted = search.value.trim().toLowerCase();
  const nodes = [...picture.querySelectorAll('.node')];
  const found = wanted ? nodes.filter(node => node.dataset.find.includes(wanted)) : [];
  nodes.forEach(node => node.classList.toggle('found', found.includes(node)));
  picture.classList.toggle('searching', wanted !== '');
  count.textContent = wanted ? `${found.length} found` : '';
  return found;
}
function go(node) {
  const box = node.getBBox();
  moved = true;
  scale = Math.max(scale, 0.8);
  x = view.clientWidth / 2 - (box.x - from.x + box.width / 2) * scale;
  y = view.clientHeight / 2 - (box.y - from.y + box.height / 2) * scale; show();
}
view.addEventListener('wheel', event => {
  event.preventDefault();
  const edge = view.getBoundingClientRect();
  zoom(Math.exp(-event.deltaY / 500), event.clientX - edge.left, event.clientY - edge.top);
}, {passive: false});
view.addEventListener('pointerdown', event => { held = [event.clientX - x, event.clientY - y]; moved = true; });
addEventListener('pointermove', event => {
  if (held) { x = event.clientX - held[0]; y = event.clientY - held[1]; show(); }
});
addEventListener('pointerup', () => { held = null; });
search.addEventListener('input', () => { next = 0; find(); });
search.addEventListener('keydown', event => {
  const found = event.key === 'Enter' ? find() : [];
  if (found.length) go(found[next++ % found.length]);
});
document.getElementById('in').addEventListener('click', () => middle(1.25));
document.getElementById('out').addEventListener('click', () => middle(0.8));
document.getElementById('fit').addEventListener('click', fit);
addEventListener('resize', () => { if (!moved) fit(); });
fit();
"""
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{script_hash}'">
<meta name="viewport" content="width=device-width"><style>{style}</style></head>
<body><header><h1 title="{title}">{title}</h1><span id="count" role="status"></span>
<input id="search" type="search" placeholder="Find a node, Enter goes there" aria-label="Find a node">
<button id="out" aria-label="Smaller">−</button><button id="in" aria-label="Larger">+</button>
<button id="fit">Whole</button></header>
<div id="view">{picture}</div>
<script>{script}</script></body></html>
"""


def draw(flow: Flow, form: str) -> str:
    """The flow as "svg", "mmd" (Mermaid) or "html". DslError: another form."""
    if form not in FORMS:
        raise OptionError(f"A workflow cannot be drawn as {form!r}. There are: {', '.join(FORMS)}.")
    return FORMS[form](mask(flow)[0])


def page(flow: Flow) -> str:
    """The picture with zoom and search in one file. Only its own script may run in it, whatever the texts hold."""
    digest = base64.b64encode(hashlib.sha256(PAGE_SCRIPT.encode()).digest()).decode()
    title = clean(flow.name or "Workflow")
    return PAGE.format(title=title, script_hash=digest, style=PAGE_STYLE, picture=svg(flow), script=PAGE_SCRIPT)


FORMS: dict[str, Callable[[Flow], str]] = {"svg": svg, "mmd": mermaid, "html": page}
