"""Any text and any collection can be cleaned."""

from hypothesis import given
from hypothesis import strategies as st

from fsdl_bench.errors import Rejected
from fsdl_bench.sources.cleaning import Cleaner

cleaned = Cleaner().clean


@given(st.text(max_size=300), st.text(max_size=20))
def test_any_text_is_cleaned_or_rejected(text, title):
    try:
        found, removed = cleaned(text, title)
    except Rejected:
        return
    if not removed:
        assert found == text.replace("\r\n", "\n").replace("\r", "\n")


@given(st.lists(st.text(max_size=80), max_size=30))
def test_any_collection_can_be_surveyed(texts):
    cleaner = Cleaner.survey(texts)
    for text in texts:
        try:
            cleaner.clean(text)
        except Rejected:
            continue
