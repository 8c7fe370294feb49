"""Building blocks of simulated Polish commentary: templates, names, ways to write a price.

A template holds ``{slots}``: ``name`` and ``on`` (nominative and locative of the market's slang),
``trig`` (level that the view hangs on), ``poi`` (zone of interest), ``t1`` and ``t2`` (targets),
``inv`` (invalidation), ``high``/``low`` (the session's extremes so far; in neutral texts a range),
``news`` (a sentence or nothing). Long and short templates are kept apart, neutral ones name a range.
"""

from __future__ import annotations

from typing import Final

NAMES: Final[dict[str, tuple[tuple[str, str], ...]]] = {
    "ES": (("Eska", "na esce"), ("S&P", "na S&P"), ("ES", "na ES")),
    "NDX": (("Nasdaq", "na nasdaqu"), ("NQ", "na NQ"), ("Nasdaq", "na NQ")),
    "BTCUSD": (("Bitek", "na bitku"), ("BTC", "na BTC"), ("Bitek", "na BTC")),
}
"""Slang of each market by narrative id: nominative and locative."""

LONG: Final = (
    "{name} rano: dopóki jesteśmy nad {trig} to gram tylko longi. Interesuje mnie cofka w okolice {poi} "
    "i stamtąd pod {t1}, dalej {t2}. Jak zejdziemy pod {inv} to scenariusz zanegowany i siadam na ręce."
    "{news}",
    "{name}: popyt obronił {trig}, byki mają piłkę. Longi ze strefy {poi}, stop pod {inv}, cele {t1} / {t2}. "
    "Szortów dziś nie szukam.{news}",
    "Plan {on}: czekam na zebranie płynności pod {trig} i powrót, wtedy wchodzę long. Target {t1}, przy "
    "dobrym wolumenie {t2}. Invalidacja {inv}.{news}",
    "{name} dalej w górę moim zdaniem. Nocny szczyt {high} powinien puścić, zasięg {t1} a potem {t2}. "
    "Cofka do {poi} to dla mnie okazja na dokładkę. Pod {inv} wychodzę z longów bez dyskusji.{news}",
    "Nie widzę powodu, żeby szortować {name}. Jeśli utrzymamy {trig} po otwarciu USA, biorę L-kę na {t1}. "
    "SL {inv}. Potem zobaczymy czy wystarczy pary na {t2}.{news}",
    "{name} - FVG {poi} jeszcze niewypełnione, tam stoi mój zakup. Dopóki trzymamy {trig} to każda korekta "
    "do kupowania. TP1={t1}, TP2={t2}, negacja układu poniżej {inv}.{news}",
)

SHORT: Final = (
    "{name} rano: dopóki jesteśmy pod {trig} to gram tylko szorty. Interesuje mnie podbicie w okolice {poi} "
    "i stamtąd na {t1}, dalej {t2}. Jak wyjdziemy nad {inv} to scenariusz zanegowany i siadam na ręce.{news}",
    "{name}: podaż trzyma {trig}, każde podbicie pod ten poziom to okazja do szorta. Strefa {poi}, SL nad "
    "{inv}, cel {t1} a potem {t2}. Longów dziś nie szukam.{news}",
    "Plan {on}: czekam na wybicie stopów nad {trig} i powrót pod spód, wtedy S-ka. Target {t1}, przy panice "
    "{t2}. Invalidacja {inv}.{news}",
    "{name} słabo to wygląda, niedźwiedzie rozdają karty. Nocny dołek {low} powinien pęknąć, zasięg {t1} "
    "a nawet {t2}. Odbicie do {poi} to dla mnie miejsce na szorta. Powyżej {inv} short nieaktualny.{news}",
    "Nie ma co się pchać w longi {on}. Jeśli nie wrócimy nad {trig} po otwarciu USA, wolę grać szorty na "
    "{t1}. SL {inv}. W razie słabości dalej {t2}.{news}",
    "{name} - OB z H1 {poi} jeszcze nietestowany, tam stoi mój szort. Dopóki jesteśmy pod {trig} "
    "podaż rządzi. TP1={t1}, TP2={t2}, negacja układu nad {inv}.{news}",
)

NEUTRAL: Final = (
    "{name} - środek zakresu {range}, nie gram dopóki nie wyjdziemy z tej konsoli. Górą otwiera się {up}, "
    "dołem {down}. Na dwoje babka wróżyła.{news}",
    "{name}: bez pozycji, popyt przy {low}, podaż na {high}. Po wybiciu {high} możliwe {up}, zejście pod "
    "{low} otwiera {down}. Na razie siadam na ręce.{news}",
)

NEWS: Final = (
    " O {time} {event}, przed danymi bez dokładania.",
    " Uwaga na {event} o {time}.",
    " {event} o {time}, potem może być karuzela.",
)

ROLES: Final[dict[str, dict[str, str]]] = {
    "long": {
        "trig": "support",
        "poi": "poi",
        "t1": "target",
        "t2": "target",
        "inv": "invalidation",
        "high": "resistance",
        "low": "support",
    },
    "short": {
        "trig": "resistance",
        "poi": "poi",
        "t1": "target",
        "t2": "target",
        "inv": "invalidation",
        "high": "resistance",
        "low": "support",
    },
    "neutral": {
        "range": "reference",
        "high": "resistance",
        "low": "support",
        "up": "target",
        "down": "target",
    },
}
"""Role of each price slot by bias, in the words of the narrative documents."""

PLAIN = str.maketrans("ąćęłńóśźżĄĆĘŁŃÓŚŹŻ", "acelnoszzACELNOSZZ")
"""Polish letters without their marks, as people type on a phone; lengths stay the same."""


def write_price(value: float, style: str) -> str:
    """A price as a trader types it: ``plain`` 5012,25, ``space`` 5 012,25, ``dot`` 18.250,5, ``k`` 60,4k.

    ``tys`` is 60,4 tys.; the last two keep three digits after the thousand, trailing zeros dropped.
    """
    if style in {"k", "tys"}:
        return _decimals(value / 1_000.0, 3) + ("k" if style == "k" else " tys.")
    text = _decimals(value, 2)
    whole, _, rest = text.partition(",")
    if style != "plain" and len(whole) > 3:
        whole = whole[:-3] + (" " if style == "space" else ".") + whole[-3:]
    return whole + ("," + rest if rest else "")


def _decimals(value: float, digits: int) -> str:
    return f"{value:.{digits}f}".rstrip("0").rstrip(".").replace(".", ",")
