"""Every name that a log line can have, and what it means to whoever is on call; a test holds the code against it."""

CATALOGUE = {
    # a process's life
    "service.started": "Ready: settings, schema, broker and database were there; `took` says after how long.",
    "service.waiting": "Start-up waits inside the process for what `for` names; it goes on by itself.",
    "service.stopping": "A stop was asked for; work in hand is brought to its end.",
    "service.stopped": "Everything ended in order.",
    "service.failed": "A part of the process ended by itself with an error; the process stops, to be started again.",
    # hearing
    "event.heard": "One event of the live lane; `outcome`: handled, skipped, repeated, erased or parked.",
    "batch.heard": "One run of the bulk lane, with a count for each outcome.",
    "event.parked": "An event could not be accepted and is kept byte for byte; `reason` and `detail` say why.",
    "sequence.gap": "ALARM. A number of this story was never heard: something was lost between announcer and here.",
    "announcer.went_back": "The announcer speaks in a new term below what was heard: its database was set back.",
    "records.lost": "ALARM. Retention deleted records unread, or the topic was made anew (records 0).",
    "consumer.assigned": "Partitions came, and reading goes on at the positions kept in Postgres.",
    "consumer.revoked": "Partitions went to another replica; the batch in hand was ended first.",
    "consumer.fenced": "The stored position is not where this consumer thought: it goes back there. A repeat, no loss.",
    "consumer.retrying": "A temporary error; the same batch again after a pause.",
    "consumer.paused": "The database has been away for long: partitions are paused, the member stays in its group.",
    "consumer.resumed": "The database is back; reading goes on at the stored positions.",
    "consumer.stopped": "ALARM. More than half of the last 100 events failed in our own code: a bad deploy. Nothing "
    "more is taken until a new version starts.",
    "consumer.heartbeat": "Every minute: partitions, lag, events since the last one, parked, waiting, oldest age.",
    "commit.failed": "Kafka did not take the offsets; they are only for showing lag. The positions are in Postgres.",
    "placeholder.waiting": "Facts about a story have waited for more than ten minutes for one that must come first.",
    # announcing
    "relay.started": "This process holds the lane's lock and sends its announcements.",
    "relay.failed": "Sending stopped; a new producer starts again from the first row.",
    "relay.sent": "A run of announcements is at the broker.",
    # parked rows
    "parked.marked": "A person marked rows: who, why, which, and to be redriven or discarded. An audit line.",
    "parked.revealed": "A person read the key and value of a parked event. An audit line.",
    "parked.redriven": "A marked row was handled and is gone.",
    "parked.kept": "A marked row still cannot be handled; its mark is taken off, its reason is new.",
    "parked.expiring": "ALARM. Parked rows reach the end of their time in less than a week.",
    "parked.expired": "Parked rows older than their retention were deleted.",
    "job.failed": "A turn of a background job failed and comes again in a second; `temporary` says of what kind.",
    # timers, deliveries, erasure, replay
    "timer.due": "Timers of one kind were handled.",
    "timer.failed": "A timer's handler failed; it is due again later.",
    "delivery.sent": "A mail or webhook was taken by the other side.",
    "delivery.postponed": "The other side did not take it; tried again after a pause.",
    "delivery.given_up": "ALARM. The other side did not take it for three days.",
    "story.stripped": "The texts of an erased story are gone from this service's tables.",
    "erasures.read": "The erasures topic was read to its end before anything else.",
    "replay.written": "An announcer wrote its state for a listener into its outbox.",
    "replay.heard": "A listener heard the replay topic to all its end markers.",
    # HTTP
    "request.answered": "One HTTP request, without query and body.",
    "request.refused": "A request was not allowed or not understood; `reason` says why, not what stood in it.",
    "request.failed": "A request ended in an error of ours.",
    # sign-in, in OWASP's vocabulary; `subject` is opaque
    "authn_login_success": "Somebody signed in. An audit line.",
    "authn_login_fail": "A sign-in came to nothing; `reason` says where. An audit line, but for strangers.",
    "authn_token_refused": "A token was shown that is not believed; `reason` says why, not what stood in it.",
    "authn_token_created": "A publisher signed in and was given a token for ten minutes. An audit line.",
    "authn_token_reuse": "A signed statement that counts once was shown again. An audit line.",
    "authz_fail": "Somebody asked for what is not theirs, or a form was forged; `action` says which. An audit line.",
    "authz_change": "A role was given, changed, frozen or taken: `what`, `whose`, `role`, where. An audit line.",
    "session_created": "A session began, under a new secret. An audit line.",
    "session_expired": "A session ended; `why`: signed_out, signed_in_again, issuer, operator or over. An audit line.",
    "excess_rate_limit_exceeded": "More was tried in a minute than is allowed, from one address or altogether.",
    "issuer.away": "The issuer does not answer as it should: nobody can sign in; who is signed in stays so.",
    "keys.away": "The issuer's keys could not be fetched; those that are known go on working.",
    # other people's libraries
    "library.said": "A line of a library's own; `logger` names it.",
}
