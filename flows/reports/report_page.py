"""The report of a run as a page: one HTML file that any browser opens."""

from collections.abc import Mapping, Sequence
from typing import Any

from jinja2 import Environment

from flows.wording import format_duration

SHOWN = 500
"""Rejections on the page, at most; rejections.csv has all."""

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Stylemill {{ run.run_id }}</title>
<style>
  :root { color-scheme: light dark; --line: #8884; --bad: #b3261e; }
  body { font: 16px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; }
  h1 { font-size: 1.6rem; margin-bottom: 0 } h2 { font-size: 1.1rem; margin-top: 2rem }
  .numbers { display: flex; flex-wrap: wrap; gap: 2rem; margin: 1.5rem 0 }
  .numbers b { display: block; font-size: 1.8rem; line-height: 1.1 } .bad b { color: var(--bad) }
  table { border-collapse: collapse; width: 100% } .wide { overflow-x: auto }
  td, th { text-align: left; padding: .35rem .8rem .35rem 0; border-bottom: 1px solid var(--line); vertical-align: top }
  td.n, th.n { text-align: right; width: 1%; white-space: nowrap }
  img { max-width: 100%; border: 1px solid var(--line) } small { opacity: .75 }
</style>
<h1>{{ run.made }} new designs</h1>
<p><small>Run {{ run.run_id }}, recipe {{ run.recipe }} {{ run.recipe_digest[:12] }}, {{ run.state }},
  {{ run.started_at[:16] | replace('T', ' ') }} UTC, {{ format_duration(run.seconds) }}</small></p>
<div class="numbers">
  <div><b>{{ run.planned }}</b>planned</div><div><b>{{ run.made }}</b>made</div>
  <div><b>{{ run.already_there }}</b>already there</div>
  <div{% if rejected %} class="bad"{% endif %}><b>{{ rejected }}</b>rejected</div>
  {% if run.corrected %}<div><b>{{ run.corrected }}</b>had facts updated</div>{% endif %}
  {% if run.held_back %}<div><b>{{ run.held_back }}</b>held back by the limit</div>{% endif %}
</div>
<p>From <code>{{ run.garments }}</code> and <code>{{ run.styles }}</code> to <code>{{ run.designs }}</code>.</p>
{% for remark in run.remarks %}<p>Note: {{ remark }}</p>{% endfor %}
{% if run.reasons %}
<h2>Why records and pairs were rejected</h2>
<div class="wide"><table><tr><th class="n">times<th>reason
{% for reason, count in run.reasons.items() %}<tr><td class="n">{{ count }}<td>{{ reason }}{% endfor %}</table></div>
<h2>Each of them</h2>
<div class="wide"><table><tr><th>record<th>where<th>reason
{% for problem in run.problems[:shown] %}<tr><td>{{ problem.record }}
<td>{{ problem.file }}{% if problem.row %} row {{ problem.row }}{% endif %}
{%- if problem.column %}, {{ problem.column }}{% endif %}<td>{{ problem.what }}{% endfor %}
{% for failure in run.failures[:shown] %}<tr><td>{{ failure.garment_id }} x {{ failure.style_id }}<td>
<td>{{ failure.reason }}{% endfor %}
</table></div>
{% endif %}
{% if run.corrections %}
<h2>Facts that the catalogs have corrected</h2>
<div class="wide"><table><tr><th>record<th>column<th>before<th>after<th class="n">designs
{% for correction in run.corrections[:shown] %}<tr><td>{{ correction.record }}<td>{{ correction.column }}
<td>{{ correction.before }}<td>{{ correction.after }}
<td class="n">{{ correction.designs }}{% endfor %}</table></div>
{% endif %}
{% if run.workers %}
<h2>Workers</h2>
<div class="wide"><table><tr><th>worker<th>device<th class="n">designs<th class="n">a minute<th class="n">device busy
{% for worker in run.workers %}<tr><td>{{ worker.worker }}
<td>{{ worker.device }}, {{ worker.precision }}, batches of {{ worker.batch }}
<td class="n">{{ worker.designs }}<td class="n">{{ '%.1f' | format(worker.designs_a_minute) }}
<td class="n">{{ '%.0f' | format(100 * worker.busy_share) }} %{% endfor %}</table></div>
{% endif %}
{% if sheet %}<h2>Designs</h2><p><img src="contact_sheet.png" alt="Contact sheet: garments by styles"></p>{% endif %}
</html>
"""


def report_page(run: Mapping[str, Any], *, sheet: bool) -> str:
    """Return the HTML of a run's report, given as `report.json` holds it; `sheet`: a contact sheet lies beside it."""
    problems: Sequence[object] = run["problems"]
    return (
        Environment(autoescape=True)
        .from_string(PAGE)
        .render(
            run=run,
            rejected=len(problems) + len(run["failures"]),
            sheet=sheet,
            shown=SHOWN,
            format_duration=format_duration,
        )
    )
