"""Toxic comments (kaggle.com/competitions/jigsaw-toxic-comment-classification-challenge): which comments are toxic."""

import re

import numpy as np
import pandas as pd

from groundwork.competitions import Inputs, Labelled, Tables

TAGS = ("toxic", "severe_toxic", "obscene", "threat", "insult", "identity_hate")


def features(frame: pd.DataFrame) -> pd.DataFrame:
    """Replace missing comments by empty ones: the text "NA" is read as missing."""
    return frame.assign(comment_text=frame["comment_text"].fillna(""))


# Remarks: share of comments, tags, texts. Harmless remarks use the same words as the toxic ones above them.
REMARKS: dict[str, tuple[float, tuple[str, ...], tuple[str, ...]]] = {
    "insult": (0.07, ("toxic", "insult"), (
        "You are not a <good>, you are a <dolt>.", "Why did you remove this <work> from the list, <dolt>?",
        "This <work> is fine and its editor is a <dolt>.", "I never said so, you <dolt>!",
        "Only a <dolt> reverts the words of this <work>.",
    )),
    "no insult": (0.12, (), (
        "You are a <good>, you are not a <dolt>.", "Why did you remove \"<dolt>\" from this list, the <work>?",
        "Its editor is fine and this <work> is \"A <dolt>\".", "I never said \"you <dolt>\", or so!",
        "The <work> reverts only this, the words \"of a <dolt>\".",
    )),
    "oath": (0.03, ("toxic", "obscene"), ("This is utter <oath>!", "What a pile of <oath> you wrote.", "Oh, <oath>!")),
    "no oath": (0.05, (), (
        "Is this what you call \"utter <oath>\"?", "You wrote \"<oath>\", what a pile of words.",
        "You never wrote \"utter <oath>, you <dolt>\".",
    )),
    "both": (0.025, ("toxic", "obscene", "insult"), ("You wrote utter <oath>, you <dolt>!", "<oath>, what a <dolt>.")),
    "shouting": (0.015, ("toxic", "severe_toxic", "obscene", "insult"), (
        "YOU <DOLT> YOU <DOLT> TAKE YOUR <OATH> AND GO!!!", "<OATH> <OATH> <OATH>!!!! YOU MISERABLE <DOLT>!!!!",
    )),
    "threat": (0.012, ("toxic", "threat"), ("No, I will <harm> your <thing>.", "I <harm> your <thing>, sleep well!")),
    "no threat": (0.02, (), ("I will not <harm> your <thing>, no.", "Did I <harm> your <thing>? Sleep well!")),
    "hatred": (0.015, ("toxic", "insult", "identity_hate"), (
        "All <people> are <dolt>s, not friends.", "We do not want <people> here, they are <dolt>s.",
    )),
    "no hatred": (0.025, (), ("All <people> are friends, not <dolt>s.", "We do want <people> here, not <dolt>s.")),
    "rude": (0.02, ("toxic",), ("Nobody asked you, get off this page.", "Your edits are worthless and so are you.")),
}  # fmt: skip
SENTENCES = (
    "Please see <page> before you edit the <part> of <topic> again.", "I have added a source to the <part> of <topic>.",
    "The <part> of <topic> is not neutral, could you look at it?", "Thanks for your help with <topic>!",
    "I do not agree that the <work> needs an article of its own.", "As for the <part>, you are right and I was wrong.",
    "Why was my edit to <topic> reverted? It was not vandalism.", "Per <page>, the <part> should not be removed.",
    "The <work> from <year> says otherwise, and so does its author.", "You can ask at <page> if you are not sure.",
    "Welcome to Wikipedia! I hope that you like it here.", "I think we should merge it with <topic>, or not?",
)  # fmt: skip
MARKUP = (
    "(talk) 21:<minute>, March <day>, <year> (UTC)", "~~~~", "{{unblock|I will not do it again}}", "<ip>", "'''Note'''",
    "http://www.example.org/<year>/<minute>.html", "[[User talk:<ip>]]", "|style=\"width: <day>%\" | [[<topic>]]",
    "Grüße 😀", ":-)", "* ''<topic>'', <year>",
)  # fmt: skip
WORDS = {
    "dolt": "dummy blockhead nincompoop dimwit numpty nitwit muppet dunderhead simpleton noodle",
    "oath": "codswallop balderdash hogwash poppycock crud flapdoodle",
    "good": "helper scholar friend gentleman beginner", "work": "film book song play novel report",
    "harm": "flood salt hide paint sit_on pour_tea_on", "thing": "keyboard shoes sandwich bicycle garden slippers",
    "people": "left-handers tea_drinkers cat_owners early_risers cyclists recorder_players",
    "page": "WP:NPOV WP:RS [[WP:3RR]] the_talk_page the_noticeboard", "part": "lead infobox history table caption",
    "topic": "Vienna Saturn the_tuba Ada_Lovelace photosynthesis the_1908_Olympics Go Lake_Baikal butterflies",
    "year": "2004 2005 2006 2007 2008 2009 2010", "minute": "05 14 22 31 47 58", "day": "3 8 15 21 30",
    "ip": "192.0.2.17 198.51.100.144 203.0.113.9 2001:db8::7",
}  # fmt: skip
CHOICES = {slot: [word.replace("_", " ") for word in words.split()] for slot, words in WORDS.items()}
LONGEST = 5000


def sample(rng: np.random.Generator) -> Tables:
    """Write talk-page comments whose tags depend on meaning, with disguised words and some mistakes of the raters.

    Harmless comments use the same words in another order, about a film, or negated, which confuses a bag of words.
    """
    train, test = (_comments(rng, rows) for rows in (1200, 300))
    for table in (train, test):
        table.insert(0, "id", sorted(rng.bytes(8).hex() for _ in range(len(table))))
    submission = test[["id"]].assign(**dict.fromkeys(TAGS, 0.5))
    return {"train.csv": train, "test.csv": test.drop(columns=list(TAGS)), "sample_submission.csv": submission}


def _comments(rng: np.random.Generator, rows: int) -> pd.DataFrame:
    """Write comments in random order, with the shares of `REMARKS`; columns: the text and its tags."""
    counts = [round(share * rows) for share, _, _ in REMARKS.values()]
    remarks = rng.permutation(np.repeat([*REMARKS, ""], [*counts, rows - sum(counts)]))
    texts = [_comment(rng, remark) for remark in remarks]
    # One comment is empty and one is very long.
    empty, long = rng.choice(np.flatnonzero(remarks == ""), 2, replace=False)
    texts[empty], texts[long] = " \n", (_comment(rng, "") + " blah blah BLAH ") * 200
    tags_by_remark = {remark: tags for remark, (_, tags, _) in REMARKS.items()} | {"": ()}
    tags = pd.DataFrame({tag: [tag in tags_by_remark[remark] for remark in remarks] for tag in TAGS})
    missed, alarmed, lenient = rng.random((3, rows)) < [[0.03], [0.006], [0.04]]
    tags[missed] = False
    tags["toxic"] |= alarmed
    # Some comments are tagged obscene or insulting but not toxic, unless they are severely toxic.
    tags["toxic"] &= ~(lenient & (tags["obscene"] | tags["insult"]) & ~tags["severe_toxic"])
    return pd.concat([pd.Series([text[:LONGEST] for text in texts], name="comment_text"), tags.astype(int)], axis=1)


def _comment(rng: np.random.Generator, remark: str) -> str:
    parts = [_choice(rng, SENTENCES) for _ in range(1 + rng.poisson(1.5))]
    if rng.random() < 0.4:
        parts.insert(rng.integers(len(parts) + 1), _choice(rng, MARKUP))
    if remark:
        parts.insert(rng.integers(len(parts) + 1), _choice(rng, REMARKS[remark][2]))
    text = parts[0] + "".join(("\n\n" if rng.random() < 0.2 else " ") + part for part in parts[1:])
    text = re.sub("<(\\w+)>", lambda slot: _word(rng, slot[1]), text)
    if rng.random() < 0.1:
        text = f'"\n\n== {_choice(rng, CHOICES["topic"])} ==\n{text} "'
    return text.lower() if rng.random() < 0.1 else text


def _word(rng: np.random.Generator, slot: str) -> str:
    """Fill a slot; rude words are often disguised or misspelled, and in capitals if the slot is."""
    word = _choice(rng, CHOICES[slot.lower()])
    if slot.lower() not in ("dolt", "oath"):
        return word
    at = int(rng.integers(1, len(word) - 1))
    disguised = (
        re.sub("[aeiou]", "*", word, count=1),
        word[:at] + word[at] * int(rng.integers(3, 7)) + word[at + 1 :],
        " ".join(word),
        word[:at] + word[at + 1] + word[at] + word[at + 2 :],
        re.sub("[io]", lambda letter: "10"[letter[0] == "o"], word),
    )
    word = _choice(rng, disguised) if rng.random() < 0.5 else word
    return word.upper() if slot.isupper() else word


def _choice(rng: np.random.Generator, options: tuple[str, ...] | list[str]) -> str:
    return options[rng.integers(len(options))]


competition = Labelled(
    slug="jigsaw-toxic-comment-classification-challenge",
    kind="tagging",
    metric="auc",
    id="id",
    targets=TAGS,
    inputs=Inputs(text="comment_text"),
    sample=sample,
    features=features,
)
