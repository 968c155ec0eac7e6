"""Documents that are broken, huge, many or strangely named."""

import json
import os
import random
import subprocess
import sys
import tarfile
import zipfile

from harness import ROOT, Failed, Skipped

GOOD = "# Umbrellas\n\nThe purple umbrella costs forty-two euros.\n"


def ingest(place, folder, *options, timeout=600):
    """Reads a folder, words only; a crash or a silent end is a failure."""
    return place.run("ingest", folder, "--kb", "a", "--no-wait", *options, timeout=timeout).expect((0, 3))


def finds(place, question, document):
    place.run("search", question, "--kb", "a", "--mode", "lexical").expect((0,), document)


def case_pdf_broken(place):
    """A PDF cut and flipped at a hundred places: each is read or named, the good one beside them is found."""
    folder = place.folder / "documents"
    folder.mkdir()
    whole = (ROOT / "examples/sample-kb/qs200-manual.pdf").read_bytes()
    chance = random.Random(4)
    for n in range(40):
        (folder / f"cut-{n:02}.pdf").write_bytes(whole[: chance.randrange(len(whole))])
    for n in range(60):
        data = bytearray(whole)
        for _ in range(chance.choice((1, 8, 200))):
            data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        (folder / f"flipped-{n:02}.pdf").write_bytes(data)
    (folder / "good.md").write_text(GOOD)
    done = ingest(place, folder)
    finds(place, "purple umbrella", "good.md")
    return f"{done.seconds:.1f} s, {done.rss_mb:.0f} MB, exit code {done.code}"


def case_pdf_zoo(place):
    """Every file of pypdf's own collection of odd PDFs."""
    cache = ROOT / ".cache/pypdf-sdist"
    if not list(cache.glob("pypdf-*.tar.gz")):
        cache.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", ":all:", "pypdf==7.1.0", "-d", cache]
        if subprocess.run(command, capture_output=True).returncode != 0:
            raise Skipped("pypdf's source package cannot be had")
    folder = place.folder / "documents"
    folder.mkdir()
    with tarfile.open(next(cache.glob("pypdf-*.tar.gz"))) as archive:
        for member in archive.getmembers():
            if "/resources/" in member.name and member.isfile():
                (folder / member.name.split("/resources/")[1].replace("/", "_")).write_bytes(archive.extractfile(member).read())
    (folder / "good.md").write_text(GOOD)
    count = len(list(folder.iterdir()))
    done = ingest(place, folder, "--json")
    finds(place, "purple umbrella", "good.md")
    report = json.loads(done.said[done.said.index("{") :])
    for failure in report["failed"]:
        if not failure["error"].strip():
            raise Failed(f"{failure['name']} failed without a word")
    return f"{count} files, {report['added']} read, {len(report['failed'])} named as unreadable, {done.seconds:.1f} s, {done.rss_mb:.0f} MB"


def case_text_of_200_mb(place):
    """A text file of 200 MB is read, or refused with numbers; memory stays bounded."""
    folder = place.folder / "documents"
    folder.mkdir()
    line = "The quick brown fox number %d jumps over the lazy dog and pays 3.50 for a ticket.\n"
    with (folder / "huge.txt").open("w") as file:
        n = 0
        while file.tell() < 200_000_000:
            file.write("".join(line % (n + i) for i in range(10_000)))
            n += 10_000
    (folder / "good.md").write_text(GOOD)
    done = ingest(place, folder, timeout=900)
    finds(place, "purple umbrella", "good.md")
    if done.code == 3:
        done.expect((3,), "huge.txt", "MB")
    elif done.rss_mb > 4000:
        raise Failed(f"{done.rss_mb:.0f} MB of memory for a text of 200 MB")
    return f"exit code {done.code}, {done.seconds:.1f} s, {done.rss_mb:.0f} MB"


def case_ten_thousand_files(place):
    """10,000 tiny files are all in; the second time nothing is done."""
    folder = place.folder / "documents"
    for n in range(10_000):
        path = folder / f"{n // 100:02}" / f"note-{n:05}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"note {n} about item{n}\n")
    first = ingest(place, folder)
    listed = json.loads(place.run("kb", "show", "a", "--json").expect((0,)).said)
    if listed["documents"] != 10_000:
        raise Failed(f"{listed['documents']} documents, not 10,000")
    finds(place, "item7777", "note-07777.txt")
    again = ingest(place, folder).expect((0,), "10000 unchanged")
    return f"{first.seconds:.1f} s, {first.rss_mb:.0f} MB; again {again.seconds:.1f} s"


def case_strange_names(place):
    """Names that are no UTF-8, very long, with line breaks or controls, like options, or hidden."""
    folder = place.folder / "documents"
    folder.mkdir()
    names = [b"\xff\xfe\x80.txt", "caf\u00e9.txt".encode("latin-1"), "名字.txt".encode("gb18030"), b"a\nb.txt", b"\x1b[31mred.txt", b"--prune.txt",
             b"with 'quotes' and \"more\".txt", b"x" * 240 + b".txt", "🦀.txt".encode()]
    for n, name in enumerate(names):
        with open(os.fsencode(folder) + b"/" + name, "w") as file:
            file.write(f"this is strange{n}\n")
    (folder / "good.md").write_text(GOOD)
    done = ingest(place, folder, "--json")
    finds(place, "purple umbrella", "good.md")
    report = json.loads(done.said[done.said.index("{") :])
    if report["added"] + len(report["failed"]) != len(names) + 1:
        raise Failed(f"{len(names) + 1} files, but {report['added']} added and {len(report['failed'])} failed: some were passed over in silence")
    missing = [name for n, name in enumerate(names) if f"strange{n}" not in place.run("search", f"strange{n}", "--kb", "a", "--mode", "lexical").expect((0,)).said]
    shown = place.run("kb", "documents", "a").expect((0,))
    if "\x1b[31m" in shown.said:
        raise Failed("a file's name can colour the terminal: control characters are printed raw")
    if len(missing) > len(report["failed"]):
        raise Failed(f"not found: {missing}")
    return f"{report['added']} read, {len(report['failed'])} named as unreadable"


def case_symlinks(place):
    """Links in a circle, to themselves, to each other and to nowhere: it ends, and each document is in once."""
    folder = place.folder / "documents"
    (folder / "deep/er").mkdir(parents=True)
    (folder / "deep/good.md").write_text(GOOD)
    os.symlink(folder, folder / "deep/er/back")
    os.symlink("self", folder / "self")
    os.symlink("nowhere.txt", folder / "broken.txt")
    (folder / "one").mkdir()
    (folder / "two").mkdir()
    os.symlink("../two", folder / "one/two")
    os.symlink("../one", folder / "two/one")
    done = ingest(place, folder, timeout=60)
    finds(place, "purple umbrella", "good.md")
    listed = json.loads(place.run("kb", "show", "a", "--json").expect((0,)).said)
    if listed["documents"] != 1:
        raise Failed(f"{listed['documents']} documents, not 1")
    return f"{done.seconds:.1f} s"


def bomb(path, member, filler, megabytes):
    """An archive whose one member is far bigger than the archive."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open(member, "w", force_zip64=True) as file:
        file.write(b"<w:document>")
        for _ in range(megabytes):
            file.write(filler * (1_000_000 // len(filler)))


def case_bombs(place):
    """Archives that unpack to gigabytes, and nesting a hundred thousand deep: bounded, and named."""
    folder = place.folder / "documents"
    folder.mkdir()
    bomb(folder / "bomb.docx", "word/document.xml", b" ", 3000)
    bomb(folder / "bomb.xlsx", "xl/worksheets/sheet1.xml", b"<c/>", 2000)
    bomb(folder / "bomb.epub", "OEBPS/content.xhtml", b"<p>x</p>", 2000)
    bomb(folder / "bomb.pptx", "ppt/slides/slide1.xml", b"<a:t>x</a:t>", 2000)
    (folder / "deep.json").write_text("[" * 100_000)
    (folder / "closed.json").write_text("[" * 100_000 + "]" * 100_000)
    (folder / "deep.html").write_text("<div>" * 100_000 + "deep")
    (folder / "deep.md").write_text(">" * 100_000 + " deep\n" + "* " * 20_000 + "x\n")
    (folder / "deep.xml").write_text("<a>" * 100_000)
    (folder / "line.txt").write_text("x" * 20_000_000)
    (folder / "wide.csv").write_text(",".join("c%d" % n for n in range(200_000)) + "\n" + "1," * 200_000)
    (folder / "good.md").write_text(GOOD)
    done = ingest(place, folder, timeout=300)
    finds(place, "purple umbrella", "good.md")
    if done.rss_mb > 2000:
        raise Failed(f"{done.rss_mb:.0f} MB of memory")
    return f"{done.seconds:.1f} s, {done.rss_mb:.0f} MB, exit code {done.code}"


def case_wrong_endings(place):
    """Files that are not what their names say, unreadable ones, empty ones, pipes."""
    folder = place.folder / "documents"
    folder.mkdir()
    chance = random.Random(6)
    for ending in ("pdf", "docx", "xlsx", "pptx", "epub", "html", "md", "txt", "json", "jsonl", "csv", "rs", "unknown"):
        (folder / f"noise.{ending}").write_bytes(chance.randbytes(50_000))
        (folder / f"empty.{ending}").write_bytes(b"")
        (folder / f"zip.{ending}").write_bytes(b"PK\x03\x04" + chance.randbytes(500))
    os.mkfifo(folder / "pipe.txt")
    (folder / "good.md").write_text(GOOD)
    done = ingest(place, folder, timeout=60)
    finds(place, "purple umbrella", "good.md")
    return f"exit code {done.code}, {done.seconds:.1f} s"


def case_bad_names_of_bases(place):
    """Names of knowledge bases that would leave the data directory, or are none."""
    (place.folder / "good.md").write_text(GOOD)
    for name in ("../evil", "/tmp/evil", "", ".", "..", "a/b", "a\\b", "x" * 300, "nul\x01"):
        place.run("ingest", place.folder / "good.md", "--kb", name, "--no-wait").expect((1, 2))
    if (place.data / "evil").exists() or (place.folder / "evil").exists():
        raise Failed("a knowledge base was made outside the data directory")
