"""ELIZA, Weizenbaum's program of 1966: it answers an utterance by the rules of a script.

An utterance goes through the stages of the paper, each a function here:

    find_clause     the first clause with a keyword in it; the rest of the utterance is ignored
    stack_keywords  the clause's keywords, the highest rank on top
    substitute      the clause as seen from the other chair: MY becomes YOUR
    decompose       the parts of the text that fit a rule of the top keyword
    reassemble      the answer, made of the rule's words and those parts

Where the paper is silent, the MAD-SLIP listing found in Weizenbaum's archive decides: the counter
LIMIT, the delimiter BUT, the hash that picks a memory, and the words for a script's dead end.
"""

import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import cycle
from typing import TypeAlias

from .doctor import SCRIPT

Expression: TypeAlias = "str | tuple[Expression, ...]"
Tags: TypeAlias = Mapping[str, Sequence[str]]
Runs: TypeAlias = tuple[re.Pattern[str], ...]


@dataclass(frozen=True, eq=False, slots=True)
class Rule:
    """One decomposition of a text, and the reassemblies that take turns in answering it."""

    decomposition: Runs
    reassemblies: tuple[Expression, ...]


@dataclass(frozen=True, eq=False, slots=True)
class Keyword:
    """A word of the script: what it becomes in the text and, if it has rules, how it answers."""

    word: str
    substitute: str
    rank: int
    rules: tuple[Rule, ...]


@dataclass(frozen=True, eq=False, slots=True)
class Script:
    """All that ELIZA knows of the world."""

    greeting: str
    words: Mapping[str, Keyword]
    memory: Keyword
    none: Keyword


# Reading a script, in the notation that doctor.py explains


def read_script(text: str) -> Script:
    """The script in `text`: a greeting, then keywords, with one MEMORY and one NONE among them."""
    greeting, *entries = parse(text)
    tags = read_tags(entries)
    keywords = (read_keyword(entry, tags) for entry in entries if entry[0] != "MEMORY")
    words = {keyword.word: keyword for keyword in keywords}
    none = words.pop("NONE")
    return Script(" ".join(map(str, greeting)), words, read_memory(entries, tags), none)


def parse(text: str) -> tuple[Expression, ...]:
    """The lists in parentheses as tuples; `=`, `*` and `/` are words of their own."""
    lists: list[list[Expression]] = [[]]
    for token in re.findall(r"[()=*/]|[^\s()=*/]+", text):
        if token == "(":
            lists.append([])
        elif token == ")":
            closed = tuple(lists.pop())
            lists[-1].append(closed)
        else:
            lists[-1].append(token)
    return tuple(lists[0])


def read_tags(entries: Iterable[Expression]) -> Tags:
    tags: dict[str, list[str]] = {}
    for entry in entries:
        match entry:
            case (str(word), *_, "DLIST", ("/", *names)):
                for name in names:
                    tags.setdefault(str(name), []).append(word)
    return tags


def read_keyword(entry: Expression, tags: Tags) -> Keyword:
    match entry:
        case (*untagged, "DLIST", _):
            return read_keyword(tuple(untagged), tags)
        case (str(word), "=", str(substitute), *rest):
            return Keyword(word, substitute, *read_rank_and_rules(rest, tags))
        case (str(word), *rest):
            return Keyword(word, word, *read_rank_and_rules(rest, tags))
    raise ValueError(f"not a keyword of a script: {entry}")


def read_rank_and_rules(rest: list[Expression], tags: Tags) -> tuple[int, tuple[Rule, ...]]:
    match rest:
        case [str(rank), *rules]:
            return int(rank), tuple(read_rule(rule, tags) for rule in rules)
    return 0, tuple(read_rule(rule, tags) for rule in rest)


def read_rule(expression: Expression, tags: Tags) -> Rule:
    """A rule; a bare (=KEYWORD) fits any text."""
    match expression:
        case ("=", str()):
            return Rule(compile_decomposition(("0",), tags), (expression,))
        case (tuple(decomposition), *reassemblies):
            return Rule(compile_decomposition(decomposition, tags), tuple(reassemblies))
    raise ValueError(f"not a rule of a script: {expression}")


def read_memory(entries: Iterable[Expression], tags: Tags) -> Keyword:
    for entry in entries:
        match entry:
            case ("MEMORY", str(word), *memories):
                rules = tuple(read_rule(split_memory(memory), tags) for memory in memories)
                return Keyword(word, word, 0, rules)
    raise ValueError("the script has no MEMORY")


def split_memory(memory: Expression) -> Expression:
    """(decomposition = reassembly) as ((decomposition) (reassembly))."""
    middle = memory.index("=")
    return memory[:middle], memory[middle + 1 :]


def compile_decomposition(elements: Iterable[Expression], tags: Tags) -> Runs:
    """One pattern for each run of elements between 0s: the first starts the text, the last ends it.

    They are for a text with a space on either side of each word.
    """
    runs = [r"\A"]
    for element in elements:
        if element == "0":
            runs.append("")
        else:
            runs[-1] += f" ({element_pattern(element, tags)})"
    runs[-1] += r"(?= \Z)"
    return tuple(re.compile(run + "(?= )") for run in runs)


def element_pattern(element: Expression, tags: Tags) -> str:
    match element:
        case ("*", *words):
            return "|".join(re.escape(str(word)) for word in words)
        case ("/", *names):
            return "|".join(re.escape(word) for name in names for word in tags[str(name)])
        case str(count) if count.isdecimal():
            return rf"\S+(?: \S+){{{int(count) - 1}}}"
        case word:
            return re.escape(str(word))


# Answering an utterance

APOSTROPHES = str.maketrans(dict.fromkeys("’‘ʼ＇`´", "'"))
DELIMITER = re.compile(r"""[,.;:?!…()\[\]{}"“”„«»¿¡—–。，、！？；：]+|\bBUT\b""")


def find_clause(utterance: str, script: Script) -> list[str]:
    """The words of the first clause with a keyword in it, or none."""
    answering = {word for word, keyword in script.words.items() if keyword.rules}
    clauses = map(str.split, DELIMITER.split(utterance.translate(APOSTROPHES).upper()))
    return next((clause for clause in clauses if not answering.isdisjoint(clause)), [])


def stack_keywords(clause: Iterable[str], script: Script) -> list[Keyword]:
    """The keywords of the clause: one that outranks the top goes on top, any other to the bottom.

    A repeated keyword is stacked once, so that the stack is never longer than the script.
    """
    stack: list[Keyword] = []
    for word in dict.fromkeys(clause):
        keyword = script.words.get(word)
        if keyword and keyword.rules:
            outranks = not stack or keyword.rank > stack[0].rank
            stack.insert(0 if outranks else len(stack), keyword)
    return stack


def substitute(clause: Iterable[str], script: Script) -> str:
    """The text that the rules work on."""
    substitutes = {word: keyword.substitute for word, keyword in script.words.items()}
    return " ".join([substitutes.get(word, word) for word in clause])


def decompose(text: str, rule: Rule) -> list[str] | None:
    """The part of the text that each element of the rule's decomposition takes, if it fits.

    Each run is sought just once, from the end of the one before: runs are of fixed length, so the
    leftmost place leaves the most room for the rest, and there is nothing to go back for.
    """
    spaced = f" {text} "
    parts: list[str] = []
    end = 0
    for number, run in enumerate(rule.decomposition):
        found = run.search(spaced, end)
        if found is None:
            return None
        if number:
            parts.append(spaced[end : found.start()].strip())
        parts += found.groups()
        end = found.end()
    return parts


def reassemble(template: Iterable[Expression], parts: Sequence[str]) -> str:
    """The template's words, where a number stands for that part of the text."""
    words = [str(word) for word in template]
    filled = (parts[int(word) - 1] if word.isdecimal() else word for word in words)
    return " ".join(filter(None, filled))


# The characters of the IBM 7094 by their six-bit codes, sixteen to a row; ~ marks an unused code.
BCD = "0123456789~='~~~+ABCDEFGHI~.)~~~-JKLMNOPQR~$*~~~ /STUVWXYZ~,(~~~"


def hash_word(word: str, bits: int) -> int:
    """SLIP's HASH: the middle bits of the square of a machine word.

    A machine word holds six characters, so a longer word counts by its last six-character cell,
    padded with spaces. Of the 36 bits the first is the sign, which squaring loses. A character
    that the 7094 did not have counts by its code point modulo 64.

    >>> hash_word("ALWAYS", 7)  # the paper's own example
    14
    """
    cell = word[(len(word) - 1) // 6 * 6 :].ljust(6)
    datum = 0
    for character in cell:
        code = BCD.find(character)
        datum = datum << 6 | (code if code >= 0 else ord(character) % 64)
    magnitude = datum & (1 << 35) - 1
    return magnitude**2 >> 35 - bits // 2 & (1 << bits) - 1


# A conversation

DOCTOR = read_script(SCRIPT)
GREETING = DOCTOR.greeting

# What the program itself said, by its counter, when no rule of the keyword fitted the text.
DEAD_ENDS = ("PLEASE CONTINUE", "HMMM", "GO ON, PLEASE", "I SEE")


@dataclass(slots=True)
class Eliza:
    """One conversation: whose turn it is in each rule, what to remember, and the counter LIMIT.

    LIMIT counts the utterances from 1 to 4 over and over; only at 4 may a memory come back.
    """

    script: Script = DOCTOR
    limit: int = 1
    memories: deque[str] = field(default_factory=deque)
    cycles: dict[Rule, Iterator[Expression]] = field(default_factory=dict)

    def answer(self, utterance: str) -> str:
        """The answer to the next utterance; a blank one gets the greeting and does not count."""
        if not utterance.strip():
            return self.script.greeting
        self.limit = self.limit % 4 + 1
        clause = find_clause(utterance, self.script)
        keywords = stack_keywords(clause, self.script)
        if not keywords and self.limit == 4 and self.memories:
            return self.memories.popleft()
        text = substitute(clause, self.script)
        if keywords and keywords[0].word == self.script.memory.word:
            self.remember(text)
        return self.respond(text, [*keywords, self.script.none])

    def remember(self, text: str) -> None:
        """Keep an answer for later, made by the one of four rules that the last word picks."""
        last_word = text.rpartition(" ")[2]
        rule = self.script.memory.rules[hash_word(last_word, bits=2)]
        parts = decompose(text, rule)
        if parts is not None:
            self.memories.append(reassemble(rule.reassemblies[0], parts))

    def respond(self, text: str, keystack: list[Keyword]) -> str:
        """Let the keywords answer from the top; NONE at the bottom always can."""
        while True:
            fit = self.fit(text, keystack.pop(0))
            if fit is None:
                return DEAD_ENDS[self.limit - 1]
            reassembly, parts = fit
            match reassembly:
                case ("NEWKEY",):
                    continue
                case ("=", str(link)):
                    keystack.insert(0, self.script.words[link])
                case ("PRE", tuple(template), ("=", str(link))):
                    text = reassemble(template, parts)
                    keystack.insert(0, self.script.words[link])
                case template:
                    return reassemble(template, parts)

    def fit(self, text: str, keyword: Keyword) -> tuple[Expression, list[str]] | None:
        """The next reassembly of the keyword's first rule that fits the text, and its parts."""
        for rule in keyword.rules:
            parts = decompose(text, rule)
            if parts is not None:
                reassemblies = self.cycles.setdefault(rule, cycle(rule.reassemblies))
                return next(reassemblies), parts
        return None


def converse(turns: Sequence[str]) -> str:
    """DOCTOR's answer to the last of the patient's utterances, oldest first.

    The whole conversation is replayed, so the same utterances always get the same answer.

    >>> converse([])
    'HOW DO YOU DO. PLEASE TELL ME YOUR PROBLEM.'
    >>> converse(["Men are all alike."])
    'IN WHAT WAY'
    """
    eliza = Eliza()
    answers = [eliza.answer(turn) for turn in turns]
    return answers[-1] if answers else GREETING
