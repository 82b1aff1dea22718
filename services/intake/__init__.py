"""Intake: takes stories in, decides what is published, and keeps the promise to their authors.

Hears      story.offered, story.recalled, comment.offered; story.routed, story.unheard, story.heard, reply.published,
           change.planned, change.made, change.missed, change.confirmed, change.disputed, story.erased, copy.erased,
           organisation.listed, organisation.closed;
           member.listed, member.removed
Announces  story.received, story.published, story.rejected, story.withdrawn, story.erased, verdict.given,
           comment.received, receipt.given
Owns       schema intake: publisher, publisher_token, story, submission, recalled, comment, progress, verdict, erasure,
           organisation
"""
