"""The ladder of ranks: who displaces whom. Thông tư 39/2020/TT-BTTTT names three classes; filler is ours."""

from enum import IntEnum


class Rank(IntEnum):
    """A higher number takes the air from a lower one."""

    FILLER = 0
    NORMAL = 10
    PRIORITY = 20
    EMERGENCY = 30

    @property
    def word(self) -> str:
        """The word used on the wire and in the database: `normal`."""
        return self.name.lower()

    @classmethod
    def of_word(cls, word: str) -> "Rank":
        """The rank of a word. Raises ValueError for another word."""
        try:
            return cls[word.upper()]
        except KeyError:
            raise ValueError(f"«{word}» is not a rank. Ranks are filler, normal, priority, emergency.") from None
