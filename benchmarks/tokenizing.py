"""Our tokenizers against the libraries that define them: equal tokens, equal text back, and how fast.

    python3 benchmarks/tokenizing.py [--tool build/bin/hybrid-tokenize] [--keep FOLDER] [--repeat 3] [--json FILE]

Needs PyPI's tokenizers, tiktoken and sentencepiece, and for real files llama-models and mistral-common (no
dependencies of theirs). Trains three kinds of tokenizer.json on a part of the text: byte-level BPE, BPE as
SentencePiece has it with byte fallback, and Unigram. The text is what is on a Debian machine with debian-handbook,
debian-reference-en and iso-codes: prose, code and translations, and besides emoji, every assigned character, broken
UTF-8 and very long lines. Exits with 1 if anything differs. Speeds are by the CPU
time of one thread, the best of the repeats.
"""
import argparse
import gzip
import importlib.util
import json
import pathlib
import random
import re
import subprocess
import sys
import tempfile
import time
import unicodedata

ROOT = pathlib.Path(__file__).resolve().parent.parent


def read(paths, limit):
    data, size = [], 0
    for path in paths:
        if size >= limit:
            break
        raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        data.append(raw)
        size += len(raw)
    return b"".join(data)[:limit]


def spread(pattern, count):
    """So many of the files, from all over."""
    root, _, rest = pattern.partition("*")
    folder = pathlib.Path(root)
    paths = sorted(p for p in folder.glob("*" + rest) if p.is_file())
    return paths[:: max(1, len(paths) // count)]


def make_text(scale):
    """Kinds of text by name."""
    draw = random.Random(1)
    characters = [chr(c) for c in range(0x20, 0x32000) if unicodedata.category(chr(c)) not in ("Cn", "Cs", "Co")]
    emoji = [c for c in characters if 0x1F300 <= ord(c) <= 0x1FAFF or 0x2600 <= ord(c) <= 0x27BF]
    mixed = []
    for _ in range(scale // 12):
        mixed.append(draw.choice(emoji) + draw.choice(["", "\ufe0f", "\U0001f3fd", "\u200d" + draw.choice(emoji), " "]))
    words = []
    for _ in range(scale // 14):
        words.append("".join(draw.choice(characters) for _ in range(draw.randint(1, 6))))
        words.append(draw.choice([" ", "  ", "\n", "\t", "\r\n", "\n\n", " \n ", "'s", "'LL", "3", "12345", "...", "\u3000"]))
    prose = read(spread("/usr/share/doc/debian-handbook/html/en-US/*.html", 100), scale)
    prose = re.sub(rb"<[^>]*>", b"", prose)
    broken = bytearray(prose[: scale // 2])
    for _ in range(len(broken) // 20):
        broken[draw.randrange(len(broken))] = draw.randrange(256)
    long_line = re.sub(rb"\s+", b" ", prose[: scale // 2])
    return {
        "prose": prose,
        "languages": read(spread("/usr/share/doc/debian-handbook/html/*/basic-configuration.html", 40), 2 * scale),
        "translations": read(spread("/usr/share/locale/*/LC_MESSAGES/iso_3166-1.mo", 90), 2 * scale),
        "code": read(spread("/usr/include/c++/12/*", 60) + spread("/usr/share/perl/5.36/*.pl", 20) +
                     sorted(ROOT.glob("lib/*/*.cpp")), 2 * scale),
        "emoji": "".join(mixed).encode(),
        "characters": "".join(words).encode(),
        "broken": bytes(broken) + draw.randbytes(scale // 4),
        "long": long_line + re.sub(rb"[^a-z]", b"", prose[: scale // 4]) + b" " * 20000 + b"a" * 20000 + b"\n" * 5000,
    }


def train(text, folder):
    """Three tokenizer.json files, by name."""
    paths = {name: folder / (name.replace(" ", "-") + ".json")
             for name in ("byte-level BPE", "BPE with byte fallback", "Unigram")}
    if all(path.exists() for path in paths.values()):
        return paths
    import tokenizers
    from tokenizers import decoders, models, normalizers, pre_tokenizers, processors, trainers

    ordinary = [text[kind] for kind in ("prose", "languages", "code")]
    lines = [line for data in ordinary for line in data.decode(errors="replace").splitlines(keepends=True)]
    lines = [line for line in lines[::3] if len(line) < 2000]
    special = ["<unk>", "<s>", "</s>"]

    byte_level = tokenizers.Tokenizer(models.BPE())
    byte_level.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    byte_level.decoder = decoders.ByteLevel()
    byte_level.train_from_iterator(lines, trainers.BpeTrainer(
        vocab_size=12000, special_tokens=special, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))

    piece = tokenizers.Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    piece.normalizer = normalizers.Sequence([normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")])
    piece.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="never")  # for training alone
    piece.decoder = decoders.Sequence([decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse(),
                                       decoders.Strip(" ", 1, 0)])
    piece.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    piece.train_from_iterator(lines, trainers.BpeTrainer(
        vocab_size=12000, special_tokens=special + [f"<0x{b:02X}>" for b in range(256)], limit_alphabet=1500,
        show_progress=False))
    piece = json.loads(piece.to_str())
    piece["pre_tokenizer"] = None
    piece["added_tokens"] = [t for t in piece["added_tokens"] if t["content"] in special]

    unigram = tokenizers.Tokenizer(models.Unigram())
    unigram.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Replace(tokenizers.Regex(" {2,}"), " ")])
    unigram.pre_tokenizer = pre_tokenizers.Metaspace()
    unigram.decoder = decoders.Metaspace()
    unigram.train_from_iterator(lines, trainers.UnigramTrainer(
        vocab_size=8000, special_tokens=special, unk_token="<unk>", show_progress=False))

    files = {"byte-level BPE": byte_level.to_str(), "BPE with byte fallback": json.dumps(piece), "Unigram": unigram.to_str()}
    for name, content in files.items():
        paths[name].write_text(content)
    return paths


class Reference:
    """A library's tokenizer: encode and decode of bytes."""

    def __init__(self, name, path, encode, decode, decoded_like=None):
        self.name, self.path, self.encode, self.decode = name, path, encode, decode


def references(trained):
    import tokenizers

    for name, path in trained.items():
        library = tokenizers.Tokenizer.from_file(str(path))
        yield Reference(name, path, lambda data, t=library: t.encode(data.decode(errors="replace")).ids,
                        lambda ids, t=library: t.decode(ids, skip_special_tokens=False).encode())
    llama = importlib.util.find_spec("llama_models")
    if llama:
        import tiktoken
        from tiktoken.load import load_tiktoken_bpe

        path = pathlib.Path(llama.origin).parent / "llama3" / "tokenizer.model"
        expression = re.search(r'pat_str = r"(.*)"  #', (path.parent / "tokenizer.py").read_text()).group(1)
        library = tiktoken.Encoding("llama3", pat_str=expression, mergeable_ranks=load_tiktoken_bpe(str(path)), special_tokens={})
        yield Reference("Llama 3 (tiktoken)", path,
                        lambda data, t=library: [128000] + t.encode(data.decode(errors="replace"), disallowed_special=()),
                        lambda ids, t=library: b"<|begin_of_text|>" + t.decode(ids[1:]).encode())
    mistral = importlib.util.find_spec("mistral_common")
    if mistral:
        import base64
        import sentencepiece
        import tiktoken

        data = pathlib.Path(mistral.origin).parent / "data"
        for name in ("tokenizer.model.v1", "mistral_instruct_tokenizer_240323.model.v3"):
            library = sentencepiece.SentencePieceProcessor(model_file=str(data / name))
            yield Reference(f"Mistral {name[-2:]} (SentencePiece)", data / name,
                            lambda data, t=library: t.encode(data, add_bos=True),
                            lambda ids, t=library: t.decode(ids).encode())
        path = data / "tekken_240911.json"
        content = json.loads(path.read_text())
        first = content["config"]["default_num_special_tokens"]
        count = content["config"]["default_vocab_size"] - first
        library = tiktoken.Encoding("tekken", pat_str=content["config"]["pattern"], special_tokens={}, mergeable_ranks={
            base64.b64decode(t["token_bytes"]): t["rank"] for t in content["vocab"][:count]})
        yield Reference("Mistral tekken", path,
                        lambda data, t=library, n=first: [1] + [i + n for i in t.encode(data.decode(errors="replace"),
                                                                                      disallowed_special=())],
                        lambda ids, t=library, n=first: b"<s>" + t.decode([i - n for i in ids[1:]]).encode())


def run(tool, reference, arguments, data):
    done = subprocess.run([tool, reference.path, *arguments], input=data, capture_output=True)
    if done.returncode:
        sys.exit(f"{reference.name}: {done.stderr.decode()}")
    speed = re.search(rb"([\d.]+) MB/s", done.stderr)
    return done.stdout, float(speed.group(1)) if speed else 0


def compare(tool, reference, text, repeat):
    """Differences and speeds over all kinds of text."""
    differences, total, ours, theirs = [], 0, 0, 0
    for kind, data in text.items():
        best_ours = best_theirs = float("inf")
        for _ in range(repeat):
            output, speed = run(tool, reference, ["--ids", "--plain", "--time"], data)
            best_ours = min(best_ours, len(data) / speed / 1e6)
            start = time.thread_time()
            expected = reference.encode(data)
            best_theirs = min(best_theirs, time.thread_time() - start)
        total, ours, theirs = total + len(data), ours + best_ours, theirs + best_theirs
        found = [int(i) for i in output.split()]
        if found != expected:
            at = next((i for i, (a, b) in enumerate(zip(found, expected)) if a != b), min(len(found), len(expected)))
            differences.append(f"{kind}: token {at} of {len(expected)}: expected {expected[at:at + 4]}, got {found[at:at + 4]}, "
                               f"after {reference.decode(expected[max(0, at - 8):at])!r}")
            continue
        back, _ = run(tool, reference, ["--decode"], output)
        expected_back = reference.decode(expected)
        if back != expected_back:
            at = next((i for i, (a, b) in enumerate(zip(back, expected_back)) if a != b), 0)
            differences.append(f"{kind}: decoded text differs at byte {at}: expected {expected_back[at:at + 20]!r}, "
                               f"got {back[at:at + 20]!r}")
    return {"tokenizer": reference.name, "bytes": total, "differences": differences,
            "MB/s": round(total / ours / 1e6, 2), "reference MB/s": round(total / theirs / 1e6, 2)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tool", default=ROOT / "build/bin/hybrid-tokenize")
    parser.add_argument("--keep", type=pathlib.Path, help="keep the trained files there, and take those that are there")
    parser.add_argument("--scale", type=int, default=600_000, help="bytes of a kind of text, about")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--only", default="", help="tokenizers whose name has this in it")
    parser.add_argument("--json", type=pathlib.Path)
    arguments = parser.parse_args()
    text = make_text(arguments.scale)
    print(", ".join(f"{kind} {len(data) / 1e6:.2f} MB" for kind, data in text.items()))
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.keep or pathlib.Path(temporary)
        folder.mkdir(exist_ok=True)
        results = []
        for reference in references(train(text, folder)):
            if arguments.only not in reference.name:
                continue
            result = compare(arguments.tool, reference, text, arguments.repeat)
            results.append(result)
            print(f"{result['tokenizer']:28} {len(result['differences'])} differences over {result['bytes'] / 1e6:.1f} MB, "
                  f"{result['MB/s']:6.1f} MB/s, the library {result['reference MB/s']:6.1f} MB/s", flush=True)
            for difference in result["differences"]:
                print("    " + difference)
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=2) + "\n")
    return any(result["differences"] for result in results)


if __name__ == "__main__":
    sys.exit(main())
