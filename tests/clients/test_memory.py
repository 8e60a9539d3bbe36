"""What a process remembers: bounded, and forgotten by subject."""

from __future__ import annotations

import threading

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from flask_apiguard.clients import Memory

KEYS = st.sampled_from("abcdef")
SUBJECTS = st.sampled_from(["client:1", "client:2", "credential:1", "everything"])


def test_what_rests_on_a_moved_subject_is_gone_and_the_rest_stays() -> None:
    memory: Memory[int] = Memory()
    memory.put("a", 1, ("client:1", "credential:1"), memory.version)
    memory.put("b", 2, ("client:2",), memory.version)
    memory.forget(["credential:1", "client:9"])
    assert (memory.get("a"), memory.get("b")) == (None, 2)
    memory.flush()
    assert len(memory) == 0


def test_what_was_read_before_a_forgetting_is_not_remembered_after_it() -> None:
    memory: Memory[int] = Memory()
    version = memory.version
    memory.forget(["client:1"])
    memory.put("a", 1, ("client:1",), version)
    assert memory.get("a") is None
    version = memory.version
    memory.flush()
    memory.put("a", 1, ("client:1",), version)
    assert memory.get("a") is None


def test_it_never_grows_past_its_bound_and_lets_go_of_the_oldest() -> None:
    memory: Memory[int] = Memory(3)
    for number in range(10):
        memory.put(str(number), number, ("client:1",), memory.version)
    assert [memory.get(str(number)) for number in range(10)] == [None] * 7 + [7, 8, 9]
    assert memory._by_subject == {"client:1": {"7", "8", "9"}}, "and no subject is kept for nothing"


def test_threads_may_put_and_forget_at_once() -> None:
    memory: Memory[int] = Memory(50)
    faults: list[BaseException] = []

    def work(offset: int) -> None:
        try:
            for number in range(2000):
                memory.put(f"{(number + offset) % 97}", number, (f"client:{number % 7}",), memory.version)
                memory.get(f"{number % 97}")
                if number % 13 == 0:
                    memory.forget([f"client:{number % 7}"])
        except BaseException as fault:
            faults.append(fault)

    threads = [threading.Thread(target=work, args=(offset,)) for offset in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not faults
    assert len(memory) <= 50


class Remembering(RuleBasedStateMachine):
    """Against a plain dictionary."""

    def __init__(self) -> None:
        super().__init__()
        self.memory: Memory[int] = Memory(4)
        self.model: dict[str, tuple[int, tuple[str, ...]]] = {}

    @rule(key=KEYS, value=st.integers(), subjects=st.lists(SUBJECTS, max_size=3, unique=True).map(tuple))
    def put(self, key: str, value: int, subjects: tuple[str, ...]) -> None:
        self.memory.put(key, value, subjects, self.memory.version)
        self.model.pop(key, None)
        while len(self.model) >= 4:
            del self.model[next(iter(self.model))]
        self.model[key] = (value, subjects)

    @rule(subjects=st.lists(SUBJECTS, max_size=2))
    def forget(self, subjects: list[str]) -> None:
        self.memory.forget(subjects)
        self.model = {key: kept for key, kept in self.model.items() if not set(kept[1]) & set(subjects)}

    @rule()
    def flush(self) -> None:
        self.memory.flush()
        self.model = {}

    @invariant()
    def same(self) -> None:
        assert {key: self.memory.get(key) for key in "abcdef"} == {
            key: self.model[key][0] if key in self.model else None for key in "abcdef"
        }
        resting = {subject for _, subjects in self.model.values() for subject in subjects}
        assert set(self.memory._by_subject) == resting


TestRemembering = Remembering.TestCase
TestRemembering.settings = settings(max_examples=40, stateful_step_count=25)
