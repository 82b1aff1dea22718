"""Tracker: keeps each story's timeline, and the changes that were claimed because of it.

Hears      story.received, story.published, story.rejected, story.withdrawn, story.erased, verdict.given,
           comment.received, story.routed, story.unheard, story.heard, reply.published, route.declined, reply.overdue,
           organisation.listed, organisation.closed;
           member.listed, member.removed
Announces  change.planned, change.made, change.missed, change.confirmed, change.disputed, copy.erased
Owns       schema tracker: entry, change, verdict, comment, organisation, reader
"""
