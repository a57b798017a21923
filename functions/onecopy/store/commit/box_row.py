"""The box row in a commit: what of it a draft changes, and the condition that nobody else has committed."""

from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action

from onecopy.domain.box import Box
from onecopy.store.commit import rows, table
from onecopy.store.commit.kinds import BoxRow


def changed(before: Box, after: Box, trace: str | None) -> list[Action]:
    """`trace`: X-Ray's header for the push. Empty removes the last commit's; None leaves it alone."""
    now = after.at
    if now is None:
        raise ValueError("a commit has a time")
    actions: list[Action] = [
        BoxRow.seq.set(after.seq),
        BoxRow.ids.set(after.ids),
        BoxRow.at.set(table.time_text(now)),
    ]
    if (marks := before.marked(now)) != before.marks:
        actions.append(BoxRow.marks.set(rows.marks_json(marks)))
    if after.digest != before.digest:
        actions.append(BoxRow.digest.set(rows.digest_json(after.digest)))
    if after.use != before.use:
        actions.append(BoxRow.use.set(rows.use_json(after.use)))
    if after.jobs != before.jobs:
        actions.append(BoxRow.jobs.set(rows.jobs_json(after.jobs)))
    if after.moved != before.moved:
        actions.append(BoxRow.moved.set(rows.moved_json(after.moved)))
    if trace is not None:
        actions.append(BoxRow.trace.set(trace) if trace else BoxRow.trace.remove())
    if not before.seq:
        actions.append(BoxRow.validity.set(before.validity))
    return [*actions, *_looks(before, after)]


def _looks(before: Box, after: Box) -> list[Action]:
    """In most commits nothing: the next look has its time."""
    actions: list[Action] = []
    if after.due and after.due != before.due:
        work = table.work(table.DUE, str(after.key))
        actions += [BoxRow.work.set(work), BoxRow.due.set(table.time_text(after.due))]
    if after.looked and after.looked != before.looked:
        actions.append(BoxRow.looked.set(rows.looked_json(after.looked)))
    return actions


def as_read(before: Box) -> Condition:
    """Holds as long as the box is as it was when it was read."""
    if not before.seq:
        return BoxRow.item.does_not_exist()
    same: Condition = BoxRow.seq == before.seq
    same &= (BoxRow.ids == before.ids) & (BoxRow.validity == before.validity)
    return same
