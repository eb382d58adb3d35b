"""Lakh, ADL, MAESTRO and GiantMIDI: small folders in their true layouts."""

import pytest

from fsdl_bench.errors import BadInput
from fsdl_bench.sources.common.base import open_source


def _listing(source):
    return [(item.artist, item.title, item.work) for item in source.items()]


class TestLakh:
    FILES = (
        ".38 Special/Fantasy Girl.mid",
        "The Beatles/Hey Jude.mid",
        "The Beatles/Hey Jude.1.mid",
        "The Beatles/HEY, JUDE.2.mid",
        "Lou Bega/Mambo No.5.mid",
        "Lou Bega/Mambo No.5.1.mid",
        "Prince/1999.mid",
        "Prince/7.mid",
        "U2/Numb.1.mid",
    )

    @pytest.mark.parametrize("top", ["", "clean_midi/"])
    def test_versions_of_a_title_are_one_work(self, make_tree, midi, top):
        source = open_source("lakh", make_tree({top + name: midi(60) for name in self.FILES}), kind="midi")
        assert _listing(source) == [
            (".38 Special", "Fantasy Girl", "fantasy girl"),
            ("Lou Bega", "Mambo No.5", "mambo no 5"),
            ("Lou Bega", "Mambo No.5", "mambo no 5"),
            ("Prince", "1999", "1999"),
            ("Prince", "7", "7"),
            ("The Beatles", "HEY, JUDE", "hey jude"),
            ("The Beatles", "Hey Jude", "hey jude"),
            ("The Beatles", "Hey Jude", "hey jude"),
            ("U2", "Numb.1", "numb 1"),
        ]
        assert source.rejected == []
        song = source.read(next(source.items()))
        assert (song.licence, song.kind) == ("CC-BY-4.0", "midi")

    def test_files_that_stand_in_no_artists_folder(self, make_tree, midi):
        files = {"clean_midi/lost.mid": midi(60), "lost.mid": midi(60), "clean_midi/A/b.mid": midi(60)}
        source = open_source("lakh", make_tree(files), kind="midi")
        assert _listing(source) == [("A", "b", "b")]
        assert {(origin, reason) for origin, reason, _ in source.rejected} == {
            ("clean_midi/lost.mid", "not in the layout"),
            ("lost.mid", "not in the layout"),
        }

    def test_the_full_collection_names_no_artists(self, make_tree, midi):
        source = open_source("lakh", make_tree({f"lmd_full/0/{'0a' * 16}.mid": midi(60)}), kind="midi")
        with pytest.raises(BadInput, match=r"named by their MD5.*clean_midi"):
            list(source.items())


def test_adl(make_tree, midi):
    files = {
        "adl-piano-midi/Rock/Psychedelic Rock/Beatles/Hey Jude.mid": midi(60),
        "adl-piano-midi/Soul/R&B/Rihanna/Unfaithful.mid": midi(60),
        "adl-piano-midi/Rock/lost.mid": midi(60),
    }
    source = open_source("adl", make_tree(files), kind="midi")
    assert _listing(source) == [("Beatles", "Hey Jude", "hey jude"), ("Rihanna", "Unfaithful", "unfaithful")]
    assert [reason for _, reason, _ in source.rejected] == ["not in the layout"]


class TestMaestro:
    HEAD = "canonical_composer,canonical_title,split,year,midi_filename,audio_filename,duration"
    ROWS = (
        "Alban Berg,Sonata Op. 1,train,2018,2018/a.midi,2018/a.wav,698.66",
        "Alban Berg,\"Sonata, Op.1\",test,2008,2008/b.midi,2008/b.wav,759.5",
        "Franz Schubert / Franz Liszt,Ständchen,train,2018,2018/c.midi,2018/c.wav,300.1",
        "Frédéric Chopin,\"Étude \"\"Op. 10\"\", No. 4\",train,2018,2018/d.midi,2018/d.wav,120.0",
        "Frédéric Chopin,Ballade,train,2018,2018/gone.midi,2018/gone.wav,120.0",
    )  # fmt: skip

    @pytest.fixture
    def tree(self, make_tree, midi):
        names = ["2018/a.midi", "2008/b.midi", "2018/c.midi", "2018/d.midi", "2018/extra.midi"]
        files = {f"maestro-v3.0.0/{name}": midi(60, pitch) for pitch, name in enumerate(names, 40)}
        table = "\n".join([self.HEAD, *self.ROWS]) + "\n"
        wav = {"maestro-v3.0.0/2018/a.wav": b"RIFF"}
        return make_tree({**files, **wav, "maestro-v3.0.0/maestro-v3.0.0.csv": table})

    def test_performances_of_a_title_are_one_work(self, tree):
        source = open_source("maestro", tree, kind="midi")
        assert _listing(source) == [
            ("Alban Berg", "Sonata, Op.1", "sonata op 1"),
            ("Alban Berg", "Sonata Op. 1", "sonata op 1"),
            ("Frédéric Chopin", 'Étude "Op. 10", No. 4', "etude op 10 no 4"),
        ]
        assert sorted(source.rejected) == [
            ("maestro-v3.0.0/2018/c.midi", "arrangement by another composer", "Franz Schubert / Franz Liszt"),
            ("maestro-v3.0.0/2018/extra.midi", "not in the table", "maestro-v3.0.0/maestro-v3.0.0.csv"),
            ("maestro-v3.0.0/maestro-v3.0.0.csv:6", "file is missing", "2018/gone.midi"),
        ]
        songs = [source.read(item) for item in source.items()]
        assert [int(song.content.pitch.min()) for song in songs] == [41, 40, 43]
        assert songs[0].licence == "CC-BY-NC-SA-4.0"

    def test_arrangements_are_an_artist_of_their_own(self, tree):
        artists = [artist for artist, _, _ in _listing(open_source("maestro", tree, arrangements=True))]
        assert "Franz Schubert / Franz Liszt" in artists

    def test_no_table(self, make_tree, midi):
        with pytest.raises(
            BadInput, match=r"table of MAESTRO under .* canonical_composer.*; found no csv file"
        ):
            open_source("maestro", make_tree({"2018/a.midi": midi(60)}), kind="midi")


class TestGiantMidi:
    HEAD = (
        "surname\tfirstname\tmusic\tnationality\tbirth\tdeath\tyoutube_title\tyoutube_id\tsimilarity\t"
        "piano_solo_prob\taudio_name\taudio_duration\tgiant_midi_piano\tsplit\tsurname_in_youtube_title"
    )

    def _row(self, surname, first, music, video, solo, named):
        name = f"{surname}, {first}, {music}, {video}".replace("/", "_") if solo != "" else ""
        flags = (name, "60.0", solo, "train" if solo else "", named)
        return "\t".join(
            [surname, first, music, "x", "1900", "1980", f'"{music}', video, "0.9", "0.8", *map(str, flags)]
        )

    @pytest.fixture
    def tree(self, make_tree, midi):
        rows = [
            self._row("Aaron", "Michael", "Piano Course", "V8WvKK-1b2c", 1, 1),
            self._row("Bréval", "Jean", 'Sonate "7', "AAAA", 1, 1),
            self._row("Bréval", "Jean", "Sonate, 7", "BBBB", "1.0", "1.0"),
            self._row("Abel", "Frederic", "Lola Polka", "SLNJ", 1, 0),
            self._row("Abel", "Frederic", "Quartet", "QQQQ", 0, 1),
            self._row("Abel", "Frederic", "Never found", "NNNN", "", ""),
            self._row("Abel", "Frederic", "Gone", "GGGG", 1, 1),
        ]
        names = [
            "Aaron, Michael, Piano Course, V8WvKK-1b2c",
            'Bre\u0301val, Jean, Sonate "7, AAAA',  # as some file systems store the accent
            "Bréval, Jean, Sonate, 7, BBBB",
            "Abel, Frederic, Lola Polka, SLNJ",
            "Abel, Frederic, Quartet, QQQQ",
            "Stranger, A, B, CCCC",
        ]
        table = "\n".join([self.HEAD, *rows]) + "\n"
        files = {f"midis/{name}.mid": midi(60) for name in names}
        return make_tree({**files, "full_music_pieces_youtube_similarity_pianosoloprob_split.csv": table})

    def test_curated_pieces_by_composer(self, tree):
        source = open_source("giantmidi", tree, kind="midi")
        assert sorted(_listing(source)) == [
            ("Jean Bréval", 'Sonate "7', "sonate 7"),
            ("Jean Bréval", "Sonate, 7", "sonate 7"),
            ("Michael Aaron", "Piano Course", "piano course"),
        ]
        reasons = {origin.removeprefix("midis/"): reason for origin, reason, _ in source.rejected}
        assert reasons == {
            "Abel, Frederic, Lola Polka, SLNJ.mid": "composer not confirmed",
            "Abel, Frederic, Quartet, QQQQ.mid": "not solo piano",
            "Stranger, A, B, CCCC.mid": "not in the table",
            "full_music_pieces_youtube_similarity_pianosoloprob_split.csv": "file is missing",
        }
        assert source.read(next(source.items())).artist == "Michael Aaron"

    def test_all_pieces(self, tree):
        listing = _listing(open_source("giantmidi", tree, curated=False))
        assert ("Frederic Abel", "Lola Polka", "lola polka") in listing

    def test_no_table(self, make_tree, midi):
        with pytest.raises(BadInput, match="table of GiantMIDI-Piano"):
            open_source("giantmidi", make_tree({"midis/a.mid": midi(60)}), kind="midi")
