"""ELIZA answers as she did in January 1966, and answers anything."""

import re
from collections.abc import Iterator
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.providers.builtin.doctor import SCRIPT
from penstock.providers.builtin.eliza import (
    DEAD_ENDS,
    DOCTOR,
    GREETING,
    Eliza,
    Expression,
    Rule,
    converse,
    decompose,
    hash_word,
    parse,
    read_script,
    read_tags,
)

PUBLISHED_CONVERSATION = [
    ("Men are all alike.", "IN WHAT WAY"),
    (
        "They're always bugging us about something or other.",
        "CAN YOU THINK OF A SPECIFIC EXAMPLE",
    ),
    ("Well, my boyfriend made me come here.", "YOUR BOYFRIEND MADE YOU COME HERE"),
    ("He says I'm depressed much of the time.", "I AM SORRY TO HEAR YOU ARE DEPRESSED"),
    ("It's true. I am unhappy.", "DO YOU THINK COMING HERE WILL HELP YOU NOT TO BE UNHAPPY"),
    (
        "I need some help, that much seems certain.",
        "WHAT WOULD IT MEAN TO YOU IF YOU GOT SOME HELP",
    ),
    ("Perhaps I could learn to get along with my mother.", "TELL ME MORE ABOUT YOUR FAMILY"),
    ("My mother takes care of me.", "WHO ELSE IN YOUR FAMILY TAKES CARE OF YOU"),
    ("My father.", "YOUR FATHER"),
    ("You are like my father in some ways.", "WHAT RESEMBLANCE DO YOU SEE"),
    (
        "You are not very aggressive but I think you don't want me to notice that.",
        "WHAT MAKES YOU THINK I AM NOT VERY AGGRESSIVE",
    ),
    ("You don't argue with me.", "WHY DO YOU THINK I DON'T ARGUE WITH YOU"),
    ("You are afraid of me.", "DOES IT PLEASE YOU TO BELIEVE I AM AFRAID OF YOU"),
    (
        "My father is afraid of everybody.",
        "WHAT ELSE COMES TO MIND WHEN YOU THINK OF YOUR FATHER",
    ),
    (
        "Bullies.",
        "DOES THAT HAVE ANYTHING TO DO WITH THE FACT THAT YOUR BOYFRIEND MADE YOU COME HERE",
    ),
]

# For each keyword that can answer: an utterance it decides, and what a fresh DOCTOR says to it.
FIRST_ANSWERS = {
    "SORRY": ("Sorry, doctor", "PLEASE DON'T APOLIGIZE"),
    "REMEMBER": ("I remember the sea", "DO YOU OFTEN THINK OF THE SEA"),
    "IF": ("If only she came", "DO YOU THINK ITS LIKELY THAT ONLY SHE CAME"),
    "DREAMT": ("I dreamt of snow", "REALLY, OF SNOW"),
    "DREAMED": ("Last night I dreamed of snow", "REALLY, OF SNOW"),
    "DREAM": ("It was a bad dream", "WHAT DOES THAT DREAM SUGGEST TO YOU"),
    "DREAMS": ("Bad dreams", "WHAT DOES THAT DREAM SUGGEST TO YOU"),
    "HOW": ("How is it done?", "WHY DO YOU ASK"),
    "WHEN": ("When is it done?", "WHY DO YOU ASK"),
    "ALIKE": ("All alike", "IN WHAT WAY"),
    "SAME": ("The same again", "IN WHAT WAY"),
    "CERTAINLY": ("Certainly", "YOU SEEM QUITE POSITIVE"),
    "PERHAPS": ("Perhaps", "YOU DON'T SEEM QUITE CERTAIN"),
    "MAYBE": ("Maybe", "YOU DON'T SEEM QUITE CERTAIN"),
    "NAME": ("A name", "I AM NOT INTERESTED IN NAMES"),
    "DEUTSCH": ("Deutsch", "I AM SORRY, I SPEAK ONLY ENGLISH"),
    "FRANCAIS": ("Francais", "I AM SORRY, I SPEAK ONLY ENGLISH"),
    "ITALIANO": ("Italiano", "I AM SORRY, I SPEAK ONLY ENGLISH"),
    "ESPANOL": ("Espanol", "I AM SORRY, I SPEAK ONLY ENGLISH"),
    "XFREMD": ("Xfremd", "I AM SORRY, I SPEAK ONLY ENGLISH"),
    "HELLO": ("Hello there", "HOW DO YOU DO. PLEASE STATE YOUR PROBLEM"),
    "COMPUTER": ("The computer", "DO COMPUTERS WORRY YOU"),
    "COMPUTERS": ("Computers", "DO COMPUTERS WORRY YOU"),
    "MACHINE": ("The machine", "DO COMPUTERS WORRY YOU"),
    "MACHINES": ("Machines", "DO COMPUTERS WORRY YOU"),
    "AM": ("Am I ill?", "DO YOU BELIEVE YOU ARE ILL"),
    "ARE": ("They are late", "DID YOU THINK THEY MIGHT NOT BE LATE"),
    "YOUR": ("Your hat", "WHY ARE YOU CONCERNED OVER MY HAT"),
    "WAS": ("Was I ill?", "WHAT IF YOU WERE ILL"),
    "WERE": ("Were I ill", "WHAT IF YOU WERE ILL"),
    "YOU'RE": ("You're late", "WHAT MAKES YOU THINK I AM LATE"),
    "I'M": ("I'm late", "IS IT BECAUSE YOU ARE LATE THAT YOU CAME TO ME"),
    "I": ("I want peace", "WHAT WOULD IT MEAN TO YOU IF YOU GOT PEACE"),
    "YOU": ("You bore me", "WHY DO YOU THINK I BORE YOU"),
    "YES": ("Yes", "YOU SEEM QUITE POSITIVE"),
    "NO": ("No", "ARE YOU SAYING 'NO' JUST TO BE NEGATIVE"),
    "MY": ("My hat", "YOUR HAT"),
    "CAN": ("Can you swim?", "YOU BELIEVE I CAN SWIM DON'T YOU"),
    "WHAT": ("What?", "WHY DO YOU ASK"),
    "BECAUSE": ("Because", "IS THAT THE REAL REASON"),
    "WHY": ("Why don't you listen?", "DO YOU BELIEVE I DON'T LISTEN"),
    "EVERYONE": ("Everyone", "REALLY, EVERYONE"),
    "EVERYBODY": ("Everybody", "REALLY, EVERYBODY"),
    "NOBODY": ("Nobody", "REALLY, NOBODY"),
    "NOONE": ("Noone", "REALLY, NOONE"),
    "ALWAYS": ("Always", "CAN YOU THINK OF A SPECIFIC EXAMPLE"),
    "LIKE": ("She is like him", "IN WHAT WAY"),
    "DIT": ("Dit", "IN WHAT WAY"),
}

# What DOCTOR does without: exact numbers of words, and a decomposition that starts with a word.
SMALL_SCRIPT = """
(GOOD DAY)
(COUNT ((2 COUNT 1) (1 BEFORE AND 3 AFTER)) ((COUNT 0) (FROM 2)))
(MEMORY COUNT (0 = A 1) (0 = B 1) (0 = C 1) (0 = D 1))
(NONE ((0) (NOTHING)))
"""


def answers(*utterances: str) -> list[str]:
    eliza = Eliza()
    return [eliza.answer(utterance) for utterance in utterances]


def first_answer(utterance: str) -> str:
    return converse([utterance])


def all_rules() -> Iterator[Rule]:
    for keyword in (*DOCTOR.words.values(), DOCTOR.none, DOCTOR.memory):
        yield from keyword.rules


def links_of(rule: Rule) -> Iterator[str]:
    for reassembly in rule.reassemblies:
        match reassembly:
            case ("=", str(link)) | ("PRE", _, ("=", str(link))):
                yield link


# The published conversation


def test_the_conversation_of_the_paper_comes_out_word_for_word() -> None:
    said = [utterance for utterance, _ in PUBLISHED_CONVERSATION]
    assert answers(*said) == [answer for _, answer in PUBLISHED_CONVERSATION]


@pytest.mark.parametrize("length", range(1, len(PUBLISHED_CONVERSATION) + 1))
def test_converse_answers_the_last_utterance_of_any_beginning_of_it(length: int) -> None:
    beginning = PUBLISHED_CONVERSATION[:length]
    assert converse([utterance for utterance, _ in beginning]) == beginning[-1][1]


# The greeting


def test_the_doctor_greets_when_nothing_has_been_said() -> None:
    assert GREETING == "HOW DO YOU DO. PLEASE TELL ME YOUR PROBLEM."
    assert converse([]) == GREETING


@pytest.mark.parametrize("blank", ["", " ", "\n\t", "\u2003\u00a0"])
def test_a_blank_utterance_gets_the_greeting(blank: str) -> None:
    assert converse([blank]) == GREETING
    assert converse(["My hat.", blank]) == GREETING


def test_a_blank_utterance_does_not_count() -> None:
    said = [utterance for utterance, _ in PUBLISHED_CONVERSATION]
    with_blanks = [part for utterance in said for part in (utterance, " ")][:-1]
    assert converse(with_blanks) == PUBLISHED_CONVERSATION[-1][1]


# The script


@pytest.mark.parametrize("keyword", FIRST_ANSWERS)
def test_every_keyword_answers(keyword: str) -> None:
    utterance, answer = FIRST_ANSWERS[keyword]
    assert keyword in re.findall(r"[\w']+", utterance.upper())
    assert first_answer(utterance) == answer


def test_the_table_of_first_answers_has_every_keyword_of_the_script() -> None:
    answering = {word for word, keyword in DOCTOR.words.items() if keyword.rules}
    assert FIRST_ANSWERS.keys() == answering


def test_the_script_has_the_ranks_of_the_paper() -> None:
    ranks = {word: keyword.rank for word, keyword in DOCTOR.words.items() if keyword.rank}
    assert ranks == {
        **dict.fromkeys(["COMPUTER", "COMPUTERS", "MACHINE", "MACHINES"], 50),
        "NAME": 15,
        **dict.fromkeys(["ALIKE", "SAME", "LIKE"], 10),
        "REMEMBER": 5,
        **dict.fromkeys(["DREAMT", "DREAMED"], 4),
        **dict.fromkeys(["IF", "DREAM", "DREAMS"], 3),
        **dict.fromkeys(["MY", "WAS", "EVERYONE", "EVERYBODY", "NOBODY", "NOONE"], 2),
        "ALWAYS": 1,
    }


def test_the_script_has_the_substitutions_of_the_paper() -> None:
    changed = {w: k.substitute for w, k in DOCTOR.words.items() if w != k.substitute}
    assert changed == {
        "DONT": "DON'T",
        "CANT": "CAN'T",
        "WONT": "WON'T",
        "DREAMED": "DREAMT",
        "DREAMS": "DREAM",
        "AM": "ARE",
        "YOUR": "MY",
        "MY": "YOUR",
        "WERE": "WAS",
        "ME": "YOU",
        "I": "YOU",
        "YOU": "I",
        "YOU'RE": "I'M",
        "I'M": "YOU'RE",
        "MYSELF": "YOURSELF",
        "YOURSELF": "MYSELF",
        "MOM": "MOTHER",
        "DAD": "FATHER",
    }


def test_the_script_has_the_tags_of_the_paper() -> None:
    assert read_tags(parse(SCRIPT)[1:]) == {
        "BELIEF": ["FEEL", "THINK", "BELIEVE", "WISH"],
        "NOUN": ["MOTHER", "FATHER"],
        "FAMILY": [
            *("MOTHER", "MOM", "DAD", "FATHER"),
            *("SISTER", "BROTHER", "WIFE", "CHILDREN"),
        ],
    }


def test_the_hash_picks_among_exactly_four_memories() -> None:
    assert len(DOCTOR.memory.rules) == 4


def test_every_link_leads_to_a_keyword_that_answers() -> None:
    for rule in all_rules():
        for link in links_of(rule):
            assert DOCTOR.words[link].rules


def test_no_link_leads_back_to_where_it_came_from() -> None:
    def follow(word: str, path: tuple[str, ...]) -> None:
        assert word not in path
        for rule in DOCTOR.words[word].rules:
            for link in links_of(rule):
                follow(link, (*path, word))

    for word in DOCTOR.words:
        follow(word, ())


def test_every_reassembly_names_parts_that_its_decomposition_has() -> None:
    for rule in all_rules():
        gaps = len(rule.decomposition) - 1
        parts = gaps + sum(run.groups for run in rule.decomposition)
        for number in re.findall(r"'(\d+)'", repr(rule.reassemblies)):
            assert 1 <= int(number) <= parts


def test_every_rule_has_a_text_that_no_earlier_rule_of_its_keyword_takes() -> None:
    tags = read_tags(parse(SCRIPT)[1:])

    def shortest_text(decomposition: Expression) -> str:
        words = []
        for element in decomposition:
            match element:
                case ("*", word, *_):
                    words.append(str(word))
                case ("/", tag, *_):
                    words.append(tags[str(tag)][0])
                case word if word != "0":
                    words.append(str(word))
        return " ".join(words)

    for entry in parse(SCRIPT)[1:]:
        decompositions = [rule[0] for rule in entry if isinstance(rule[0], tuple)]
        if decompositions and entry[0] in DOCTOR.words:
            rules = DOCTOR.words[str(entry[0])].rules
            for decomposition, rule in zip(decompositions, rules, strict=False):
                text = shortest_text(decomposition)
                assert next(r for r in rules if decompose(text, r) is not None) is rule


# The mechanisms


def test_the_highest_rank_decides_wherever_it_stands() -> None:
    assert first_answer("I always like my computer") == "DO COMPUTERS WORRY YOU"
    assert first_answer("My computer is always like me") == "DO COMPUTERS WORRY YOU"


def test_of_equal_ranks_the_first_decides() -> None:
    assert first_answer("Yes or no") == "YOU SEEM QUITE POSITIVE"
    assert first_answer("No or yes") == "ARE YOU SAYING 'NO' JUST TO BE NEGATIVE"


@pytest.mark.parametrize(
    "utterance",
    [
        "Well, it rains. I am sad, said my computer",
        "Hm? I am sad! Said my computer",
        "It rains but I am sad but not my computer",
        "It rains: “I am sad” (my computer too)",
        "It rains — I am sad… my computer too",
    ],
)
def test_only_the_first_clause_with_a_keyword_counts(utterance: str) -> None:
    assert first_answer(utterance) == "I AM SORRY TO HEAR YOU ARE SAD"


def test_a_substituted_word_that_cannot_answer_does_not_hold_the_scan() -> None:
    assert first_answer("For me and myself, my hat") == "YOUR HAT"


def test_the_text_is_seen_from_the_other_chair() -> None:
    said = "I hurt myself and yourself with your mom and my dad"
    assert first_answer(said) == "TELL ME MORE ABOUT YOUR FAMILY"
    assert answers("We hurt yourself", "You hurt myself")[1] == "WE WERE DISCUSSING YOU - NOT ME"
    assert first_answer("I hurt myself") == "YOU SAY YOU HURT YOURSELF"


@pytest.mark.parametrize("apostrophe", "'’‘ʼ＇`´")
def test_any_apostrophe_will_do(apostrophe: str) -> None:
    assert first_answer(f"I{apostrophe}m sad") == "I AM SORRY TO HEAR YOU ARE SAD"


def test_an_apostrophe_may_be_left_out_where_the_script_says_so() -> None:
    assert first_answer("I dont eat") == "DON'T YOU REALLY EAT"
    assert first_answer("I cant eat") == "HOW DO YOU KNOW YOU CAN'T EAT"


def test_the_reassemblies_of_a_rule_take_turns() -> None:
    once_around = [
        "PLEASE DON'T APOLIGIZE",
        "APOLOGIES ARE NOT NECESSARY",
        "WHAT FEELINGS DO YOU HAVE WHEN YOU APOLOGIZE",
        "I'VE TOLD YOU THAT APOLOGIES ARE NOT REQUIRED",
    ]
    assert answers(*["Sorry"] * 9) == [*once_around, *once_around, once_around[0]]


def test_each_rule_takes_its_own_turns() -> None:
    said = ["My hat.", "My mother.", "My hat.", "My mother."]
    assert answers(*said) == [
        "YOUR HAT",
        "TELL ME MORE ABOUT YOUR FAMILY",
        "WHY DO YOU SAY YOUR HAT",
        "WHO ELSE IN YOUR FAMILY",
    ]


def test_keywords_that_link_to_the_same_keyword_share_its_turns() -> None:
    assert answers("How?", "When?", "What?") == [
        "WHY DO YOU ASK",
        "DOES THAT QUESTION INTEREST YOU",
        "WHAT IS IT YOU REALLY WANT TO KNOW",
    ]


def test_a_link_can_stand_among_the_reassemblies() -> None:
    assert answers("Can you swim?", "Can you swim?")[1] == "WHY DO YOU ASK"


def test_why_falls_back_to_what() -> None:
    assert first_answer("Why is that?") == "WHY DO YOU ASK"


def test_newkey_asks_the_next_keyword() -> None:
    assert first_answer("I like my hat") == "YOU SAY YOU LIKE YOUR HAT"


def test_newkey_without_another_keyword_is_answered_by_none() -> None:
    assert first_answer("He was ill") == "I AM NOT SURE I UNDERSTAND YOU FULLY"


def test_a_script_without_a_fitting_rule_is_a_dead_end_by_the_count_of_utterances() -> None:
    said = ["Men can fly"] * 4
    assert answers(*said) == [*DEAD_ENDS[1:], DEAD_ENDS[0]]


def test_a_count_takes_exactly_so_many_words() -> None:
    script = read_script(SMALL_SCRIPT)
    assert Eliza(script).answer("one two count three") == "ONE TWO BEFORE AND THREE AFTER"
    assert Eliza(script).answer("one two count three four") == DEAD_ENDS[1]
    assert Eliza(script).answer("two count three") == DEAD_ENDS[1]


def test_a_decomposition_without_a_leading_zero_starts_the_text() -> None:
    assert Eliza(read_script(SMALL_SCRIPT)).answer("count one two") == "FROM ONE TWO"


@pytest.mark.parametrize("malformed", ["(HI) WORD", "(HI) ((0) (WHAT))", "(HI) (KEY (WHAT))"])
def test_a_malformed_script_is_refused(malformed: str) -> None:
    with pytest.raises(ValueError, match="script"):
        read_script(malformed + "(NONE ((0) (NOTHING)))")


# The memory


def test_a_memory_comes_back_at_the_fourth_count_when_no_keyword_is_found() -> None:
    said = ["My dog came here", "Rain", "Rain", "Rain", "Rain", "Rain", "Rain"]
    assert answers(*said) == [
        "YOUR DOG CAME HERE",
        "I AM NOT SURE I UNDERSTAND YOU FULLY",
        "DOES THAT HAVE ANYTHING TO DO WITH THE FACT THAT YOUR DOG CAME HERE",
        "PLEASE GO ON",
        "WHAT DOES THAT SUGGEST TO YOU",
        "DO YOU FEEL STRONGLY ABOUT DISCUSSING SUCH THINGS",
        "I AM NOT SURE I UNDERSTAND YOU FULLY",
    ]


def test_the_memory_waits_while_keywords_are_found() -> None:
    said = ["My dog came here", "Rain", "Yes", "Rain", "Rain", "Rain", "Rain"]
    given_back = "DOES THAT HAVE ANYTHING TO DO WITH THE FACT THAT YOUR DOG CAME HERE"
    assert [index for index, answer in enumerate(answers(*said)) if answer == given_back] == [6]


def test_memories_come_back_oldest_first() -> None:
    said = ["My kids", "My time", *["Rain"] * 5]
    assert answers(*said)[2] == "EARLIER YOU SAID YOUR KIDS"
    assert answers(*said)[6] == "LETS DISCUSS FURTHER WHY YOUR TIME"


def test_only_the_highest_keyword_is_remembered() -> None:
    eliza = Eliza()
    eliza.answer("My computer came here")
    assert not eliza.memories
    eliza.answer("Perhaps my dog came here")
    assert len(eliza.memories) == 1


def test_the_hash_gives_the_number_that_the_paper_prints() -> None:
    assert hash_word("ALWAYS", bits=7) == 14


@pytest.mark.parametrize(("word", "number"), [("HERE", 3), ("KIDS", 1), ("TIME", 0)])
def test_the_hash_picks_the_memories_that_conversations_of_the_time_show(
    word: str, number: int
) -> None:
    assert hash_word(word, bits=2) == number


def test_a_long_word_counts_by_its_last_six_character_cell() -> None:
    assert hash_word("BELIEVING", bits=7) == hash_word("ING", bits=7)
    assert hash_word("ABCDEFALWAYS", bits=7) == 14


@given(st.text())
def test_any_word_picks_one_of_the_four_memories(word: str) -> None:
    assert hash_word(word, bits=2) in range(4)


# Anything at all

SCRIPT_WORDS = sorted(set(re.findall(r"[A-Z']+", SCRIPT)))


@given(st.lists(st.text()))
def test_every_utterance_gets_an_answer(turns: list[str]) -> None:
    assert all(answers(*turns))


@given(st.lists(st.lists(st.sampled_from([*SCRIPT_WORDS, ".", "but"])).map(" ".join)))
def test_every_utterance_made_of_the_words_of_the_script_gets_an_answer(turns: list[str]) -> None:
    assert all(answers(*turns))


@given(st.lists(st.lists(st.sampled_from(SCRIPT_WORDS), min_size=1).map(" ".join)))
def test_the_same_conversation_always_goes_the_same_way(turns: list[str]) -> None:
    assert converse(turns) == converse(turns)
    assert converse(turns) == (answers(*turns) or [GREETING])[-1]


@pytest.mark.parametrize(
    "utterance",
    [
        "...",
        ",",
        "?!",
        "but",
        "'",
        "()",
        "\0",
        "\x1b[31m\x07",
        "\ud800",
        "\u200b",
        "0",
        "3 4",
        "😀",
    ],
)
def test_an_utterance_without_a_word_is_not_understood(utterance: str) -> None:
    assert first_answer(utterance) == "I AM NOT SURE I UNDERSTAND YOU FULLY"


def test_other_alphabets_are_carried_along() -> None:
    assert first_answer("Мне грустно") == "I AM NOT SURE I UNDERSTAND YOU FULLY"
    assert first_answer("I want мира 😀") == "WHAT WOULD IT MEAN TO YOU IF YOU GOT МИРА 😀"
    assert answers("my друг", "да", "нет")[2] in {
        "LETS DISCUSS FURTHER WHY YOUR ДРУГ",
        "EARLIER YOU SAID YOUR ДРУГ",
        "BUT YOUR ДРУГ",
        "DOES THAT HAVE ANYTHING TO DO WITH THE FACT THAT YOUR ДРУГ",
    }


REPEATED = [
    *("a", "😀", "(", "'", "\0", "a. ", "but "),
    *("I ", "am ", "was ", "my ", "like ", "if ", "me you ", "I am ", "my mother "),
    *("I believe ", "I feel are ", "everyone of you ", "why can't I "),
]


def spent_on(repeated: str, size: int) -> float:
    """The processor's seconds for an utterance of that many characters."""
    utterance = repeated * (size // len(repeated))
    began = process_time()
    assert first_answer(utterance)
    return process_time() - began


@pytest.mark.parametrize("repeated", REPEATED)
def test_a_long_utterance_takes_time_in_proportion(repeated: str) -> None:
    least = min(spent_on(repeated, 50_000) for _ in range(3))
    # Ten times as long: ten times the time, with room for a busy machine; squared it would be 100.
    assert spent_on(repeated, 500_000) < 40 * least + 0.05
