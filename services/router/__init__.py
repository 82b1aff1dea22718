"""Router: chooses the teams that should read a story, and says why.

Hears      story.published, story.withdrawn, story.erased, route.declined, team.staffed, team.unstaffed,
           member.listed, member.removed
Announces  story.routed, story.unheard, copy.erased, organisation.listed, organisation.closed, team.listed, team.closed,
           directory.released
Owns       schema router: organisation, team, subscription, release, story, route, unheard, staffing
"""
