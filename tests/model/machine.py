"""The state machine: what the system does with what people did, what goes wrong meanwhile, and what must hold."""

from aiokafka import TopicPartition
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule
from structlog.testing import capture_logs

from deploy.local.system import SERVICES
from shared.streams import Stream
from tests.model import checks, directory
from tests.model.agreement import facts_told_in_all
from tests.model.people import DIES, PICKS, People
from tests.model.runner import Loop
from tests.model.world import World

SERVICE = st.sampled_from(SERVICES)


class Machine(People):
    """Every rule acts on the real services and says to the model what must have come of it."""

    def __init__(self, world: World, loop: Loop) -> None:
        super().__init__(world, loop)
        self.logging = capture_logs()
        self.lines = self.logging.__enter__()

    @initialize(tree=directory.TREES, rounds=st.integers(0, 3))
    def begin(self, tree: directory.Tree, rounds: int) -> None:
        """Empty tables, two publishers, a directory, and two stories that are somewhere on their way."""
        self.run(self.world.wipe())
        self.run(directory.register(self.world.databases["intake"]))
        self.subscribe(tree, dies=False)
        self.offer(["W1"], email=True, fault="")
        self.approve(0, fault="")
        self.submit("trusted", "a", "1", ["W2", "C1"])
        for _ in range(rounds):
            self._turn()

    # --- the system -------------------------------------------------------------------------------

    @rule(pick=PICKS, takes=st.none() | st.integers(1, 4), dies=st.booleans())
    def relay(self, pick: int, takes: int | None, dies: bool) -> None:
        """A relay sends; the broker may go away in the middle, the relay may die before it deletes."""
        if full := self.run(self.world.outboxes()):
            self.run(self.world.relay(full[pick % len(full)], takes=takes, dies=dies))

    @rule(pick=PICKS, places=PICKS, most=st.integers(1, 6), bug=st.sampled_from([False, False, True]), dies=DIES)
    def listen(self, pick: int, places: int, most: int, bug: bool, dies: bool) -> None:
        """Somebody takes a batch from some of their partitions; with a bug in one handler, or until they die."""
        if waiting := self._waiting():
            service, stream, unread = waiting[pick % len(waiting)]
            chosen = [place for number, place in enumerate(unread) if places >> number & 1] or unread[:1]
            broken = self.world.contract_at(service, chosen[0]) if bug else None
            heard = self.run(self.world.hear(service, stream, chosen, most, bug=broken, dies=dies))
            self.expected.take(service, heard)

    def _waiting(self) -> list[tuple[str, Stream, list[TopicPartition]]]:
        """Who has something to hear; if nobody has, the relays send first."""
        for again in (True, False):
            found = [(service, *one) for service in SERVICES for one in self.world.waiting(service)]
            if found or not again:
                return found
            for service in SERVICES:
                self.run(self.world.relay(service))
        return []

    @rule(rounds=st.integers(1, 3))
    def flow(self, rounds: int) -> None:
        """All is well for a while."""
        for _ in range(rounds):
            self._turn()

    @rule(service=SERVICE, pick=PICKS, back=st.integers(1, 5))
    def redeliver(self, service: str, pick: int, back: int) -> None:
        """A position is set back, and everything since is heard again: nothing comes of it."""
        if moved := sorted(place for (who, place), at in self.world.places.items() if who == service and at):
            place = moved[pick % len(moved)]
            offset = max(self.world.places[service, place] - back, 0)
            self.run(self.world.go_back(service, place, offset))

    @rule(service=SERVICE, pick=PICKS)
    def zombie(self, service: str, pick: int) -> None:
        """A consumer that was away for long begins again where it was: it is fenced off."""
        if moved := sorted(place for (who, place), at in self.world.places.items() if who == service and at):
            assert self.run(self.world.wake_as_zombie(service, moved[pick % len(moved)]))

    @rule(service=SERVICE)
    def redrive(self, service: str) -> None:
        """What a bug has parked is taken up by the version after it."""
        self._redrive(service)

    # --- what must hold ---------------------------------------------------------------------------

    @invariant()
    def facts_are_in_order(self) -> None:
        """I4 and I10, after each step."""
        checks.facts_are_in_order(self.world.log)

    def teardown(self) -> None:
        """Once all is quiet, everything is as the model says."""
        try:
            while self._turn(redrives=True):
                pass
            self.run(checks.everything(self.world, self.expected))
            self.world.tally.update(facts_told_in_all(self.world.log))
            checks.logs_are_clean(self.lines, self.expected)
        finally:
            self.logging.__exit__(None, None, None)

    def _turn(self, redrives: bool = False) -> bool:
        """One round of relays and listeners; False if nothing moved."""
        moved = False
        for service in SERVICES:
            self.run(self.world.relay(service))
        for service in SERVICES:
            for stream, unread in self.world.waiting(service):
                self.expected.take(service, self.run(self.world.hear(service, stream, unread)))
                moved = True
            if redrives:
                moved = self._redrive(service) or moved
        return moved

    def _redrive(self, service: str) -> bool:
        """Each parked row is taken up alone; True if there was one."""
        again = self.run(self.world.redrive(service))
        for arrival in again:
            self.expected.take(service, [arrival])
        return bool(again)
