"""Responder: collects what provider staff say of a story, and keeps the clock on it; keeps its members.

Hears      story.published, story.withdrawn, story.erased, comment.received, story.routed, team.listed,
           team.closed, organisation.listed, organisation.closed
Announces  story.heard, reply.published, route.declined, reply.overdue, copy.erased,
           member.listed, member.removed, team.staffed, team.unstaffed
Owns       schema responder: story, team, team_case, reply, comment, organisation, person, member_audit
"""
