"""Responder: collects what provider staff say of a story, and keeps the clock on it; keeps its members.

Hears      story.published, story.withdrawn, story.erased, comment.received, story.routed, team.listed,
           team.closed
Announces  story.heard, reply.published, route.declined, reply.overdue, copy.erased,
           member.listed, member.removed, team.staffed, team.unstaffed
Owns       schema responder: story, team, team_case, reply, comment, person, member_audit
"""
