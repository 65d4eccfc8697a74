"""Runs Presidio's pattern recognisers over texts, as the peer of `bench.pii_recall`.

It runs in another environment, with `presidio-analyzer` and no other module of this project. It reads a JSON
list of texts and writes the hits of each (type, start, end) and the CPU seconds.
"""

from __future__ import annotations

import json
import sys
import time

ENTITIES = ["EMAIL_ADDRESS", "PHONE_NUMBER", "CREDIT_CARD", "US_SSN", "IP_ADDRESS", "IBAN_CODE"]
_MIN_SCORE = 0.35  # that of a telephone number without a word of context


def main() -> None:
    """Analyse the texts of standard input."""
    import spacy  # type: ignore[import-not-found]  # noqa: PLC0415
    from presidio_analyzer import AnalyzerEngine  # type: ignore[import-not-found]  # noqa: PLC0415
    from presidio_analyzer.nlp_engine import SpacyNlpEngine  # type: ignore[import-not-found]  # noqa: PLC0415

    engine = SpacyNlpEngine(models=[{"lang_code": "en", "model_name": "blank"}])
    engine.nlp = {"en": spacy.blank("en")}
    analyzer = AnalyzerEngine(nlp_engine=engine, supported_languages=["en"])
    texts = json.load(sys.stdin)
    began = time.thread_time()
    hits = [
        [
            (hit.entity_type, hit.start, hit.end)
            for hit in analyzer.analyze(text, "en", entities=ENTITIES, score_threshold=_MIN_SCORE)
        ]
        for text in texts
    ]
    json.dump({"hits": hits, "seconds": time.thread_time() - began}, sys.stdout)


if __name__ == "__main__":
    main()
