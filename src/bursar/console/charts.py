"""Charts over time: the page, and its numbers as JSON. All readers of a range share one reading."""

import asyncio
import time
from datetime import UTC, datetime
from typing import Any

import msgspec
from litestar import Response, Router, get

from bursar.console.chart_data import RANGES, Chart, Range, asked_for, charts_of
from bursar.console.site import AnyRequest, attendants_of, ledger_of, page
from bursar.http.calls import Ledger
from bursar.http.problem import malformed

# Seven tables of more would weigh as much as all else on the page.
TABLE_ROWS_MAX = 24
_encode = msgspec.json.Encoder().encode


class Charts:
    """Reads each range once for everybody, and keeps it for half of what lies between points."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._known: dict[str, tuple[float, list[Chart], bytes]] = {}
        self._locks = {name: asyncio.Lock() for name in RANGES}

    async def of(self, span: Range) -> tuple[list[Chart], bytes]:
        """Return the charts of a range, and the same as JSON; raises what reading raises."""
        async with self._locks[span.name]:
            known = self._known.get(span.name)
            if known is None or time.monotonic() - known[0] > span.keep_seconds:
                charts, told = await self._read(span)
                known = self._known[span.name] = (time.monotonic(), charts, told)
        return known[1], known[2]

    def let_go(self) -> None:
        """Nobody waits for long."""

    async def close(self) -> None:
        """Forget what was read."""
        self._known.clear()

    async def _read(self, span: Range) -> tuple[list[Chart], bytes]:
        asked = _encode(asked_for(span)).decode()
        if span.unit == 1:
            read = await self._ledger.read("read_minutes", asked)
        else:
            read = await self._ledger.read("read_minutes_apart", asked, span.unit)
        seen = await self._ledger.read("read_observations", span.minutes)
        # A day is a quarter of a second of arithmetic, which others need not wait for.
        charts = await asyncio.to_thread(charts_of, span, read, seen)
        told = {
            "range": span.name,
            "until": read["until"],
            "charts": [one.as_data() for one in charts],
        }
        return charts, _encode(told)


def _range_of(request: AnyRequest) -> Range:
    span = RANGES.get(request.query_params.get("range", "1h"))
    if span is None:
        raise malformed("range", f"It must be one of {', '.join(RANGES)}.")
    return span


def _charts_of(request: AnyRequest) -> Charts:
    ledger = ledger_of(request)
    return attendants_of(request).of(Charts, lambda: Charts(ledger))


def _rows(chart: Chart) -> list[tuple[datetime, list[Any]]]:
    """Return a chart's newest points as rows, thinned out evenly, the newest first."""
    count = len(chart.lines[0].values)
    apart = max(1, -(-count // TABLE_ROWS_MAX))
    return [
        (
            datetime.fromtimestamp(chart.begin + at * chart.step, UTC),
            [line.values[at] for line in chart.lines],
        )
        for at in range(count - 1, -1, -apart)
    ]


@get("/", include_in_schema=False)
async def charts(request: AnyRequest) -> Response[str]:
    """Show the charts of a range; without a script, their tables."""
    span = _range_of(request)
    found, _ = await _charts_of(request).of(span)
    shown = [(chart, _rows(chart)) for chart in found]
    return page(request, "charts.html", span=span, ranges=RANGES.values(), charts=shown)


@get("/data", include_in_schema=False)
async def data(request: AnyRequest) -> Response[bytes]:
    """Return the numbers of all charts of a range."""
    _, told = await _charts_of(request).of(_range_of(request))
    headers = {"cache-control": "no-store"}
    return Response(told, media_type="application/json", headers=headers)


def charts_routes() -> Router:
    """Return the page of charts and its numbers."""
    return Router("/charts", route_handlers=[charts, data])
