"""The admin page's tables as HTML. All that comes from people is escaped."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from dashboard.accounts.html import button, table
from dashboard.accounts.overview import Person, State
from dashboard.jobs.workers import Seen
from dashboard.state.runs import clock
from dashboard.store import Role


def people_table(state: State, form: str, me: str) -> str:
    """Everybody, and what can be done."""
    rows = "".join(
        f"<tr><td>{escape(one.name)}{_chips(one)}</td>"
        f"<td>{escape(_state(one))}</td><td class=num>{one.projects}</td><td class=num>{size(one.disk)}</td>"
        f"<td>{clock(one.seen) if one.seen else 'never'}</td><td>{_actions(one, form, me)}</td></tr>"
        for one in state.people
    )
    return table("People", ("Name", "State", "Projects", "Disk", "Last seen", ""), rows)


def live(state: State, log: Sequence[str], form: str) -> str:
    """What changes by itself: browsers, pages, queue, disk, log."""
    browsers = "".join(
        f"<tr><td>{escape(one.name)}</td><td>{escape(one.browser)}</td><td>{escape(one.address)}</td>"
        f"<td>{clock(one.seen)}</td><td>{button(form, 'log_out', one.id, 'Log out', f'Log {one.name} out')}</td></tr>"
        for one in state.browsers
    )
    pages = "".join(
        f"<tr><td>{escape(who)}</td><td>{escape(path)}</td><td>{count}</td></tr>"
        for who, path, count in state.pages
    )
    queue = "".join(
        f"<tr><td>{escape(state.names.get(one.account_id, 'nobody'))}</td><td>{escape(one.project)}</td>"
        f"<td>{escape(one.fitter)}</td><td>{escape(str(one.status))}</td><td>{clock(one.created)}</td>"
        f"<td>{button(form, 'cancel', one.id, 'Cancel', f'Cancel {one.fitter} of {one.project}')}</td></tr>"
        for one in state.queue
    )
    counts = f"{_count(len(state.workers), 'worker')}, {_count(len(state.queue), 'fit')} waiting or under way"
    used = state.disk_total - state.disk_free
    words = (
        f"{size(state.disk_free)} of {size(state.disk_total)} free; "
        f"records {size(state.records) if state.records else 'in Postgres'}."
    )
    return (
        f'<section class="card"><h2>Queue</h2><p class="muted">{counts}.</p>'
        f"{table('Queue', ('Of', 'Project', 'Fitter', 'State', 'Since', ''), queue) if queue else ''}</section>"
        f'<section class="card"><h2>Workers</h2>{workers_table(state.workers)}</section>'
        '<section class="card"><h2>Browsers that are logged in</h2>'
        f"{table('Browsers', ('Name', 'Browser', 'From', 'Last seen', ''), browsers)}</section>"
        '<section class="card"><h2>Pages that are open</h2>'
        f"{table('Pages', ('Name', 'Page', 'Times'), pages) if pages else '<p class=muted>None.</p>'}</section>"
        f'<section class="card"><h2>Disk</h2><meter min="0" max="{state.disk_total}" value="{used}" '
        f'aria-label="Disk in use"></meter><p class="muted">{escape(words)}</p></section>'
        '<section class="card"><h2>The end of the log</h2>'
        f'<pre class="log" tabindex="0" aria-label="Log">{escape(chr(10).join(log)) or "Nothing yet."}</pre></section>'
    )


def workers_table(workers: Sequence[Seen]) -> str:
    """Every worker with its device."""
    if not workers:
        return '<p class="muted">None: fits wait. Start some with residua worker.</p>'
    rows = []
    for one in workers:
        memory = f"{size(one.gpu_used)} of {size(one.gpu_total)}" if one.gpu else "no GPU"
        device = one.gpu or ("CPU, though it takes fits for a GPU" if one.for_gpu else "CPU")
        cells = (escape(one.address), escape(device), size(one.memory), memory)
        rows.append(f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>")
    return table("Workers", ("Worker", "Device", "Memory", "GPU memory"), "".join(rows))


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def size(count: float) -> str:
    """Bytes in words, decimal units."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" or count >= 100 else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def _chips(person: Person) -> str:
    chips = [("admin", person.role == Role.ADMIN), ("by provider", person.by_provider)]
    return "".join(f' <span class="chip">{text}</span>' for text, there in chips if there)


def _state(person: Person) -> str:
    if person.disabled:
        return "disabled"
    if person.locked > 0:
        return f"locked for {int(person.locked) + 1} s"
    return "active" if person.can_log_in else "has no password yet"


def _actions(person: Person, form: str, me: str) -> str:
    reset = button(
        form, "reset", person.id, "Reset link", f"Make a link to reset the password of {person.name}"
    )
    if person.id == me:
        return reset
    other = ("user", "Make user") if person.role == Role.ADMIN else ("admin", "Make admin")
    gate = ("enable", "Enable") if person.disabled else ("disable", "Disable")
    buttons = [button(form, do, person.id, text, f"{text}: {person.name}") for do, text in (other, gate)]
    return " ".join([reset, *buttons])
