"""Responder: collects what provider staff say of a story, and keeps the clock on it.

Hears      story.published, story.withdrawn, story.erased, comment.received, story.routed, team.listed,
           team.closed, organisation.listed, organisation.closed
Announces  story.heard, reply.published, route.declined, reply.overdue, copy.erased
Owns       schema responder: story, team, team_case, reply, comment, organisation
"""
