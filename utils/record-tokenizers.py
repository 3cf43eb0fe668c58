"""Records what the libraries that define tokenizers make of some texts, for test/unit/TokenizerTest.cpp.

Usage: record-tokenizers.py [test/Inputs/tokenizers]

Needs PyPI's tokenizers, tiktoken and sentencepiece. Trains small tokenizers of every kind on this project's own pages
and writes them beside cases.json: for each of them the tokens of every text, and what these decode to.
"""
import base64
import io
import json
import pathlib
import random
import sys
import unicodedata

import sentencepiece
import tiktoken
from tokenizers import (AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors,
                        trainers)

ROOT = pathlib.Path(__file__).resolve().parent.parent
SPECIAL = ["<unk>", "<s>", "</s>"]
SENTENCES = """
The quick brown fox doesn't jump over 12345 lazy dogs; they'll say "I'M HERE" at 3.14159!
Ça été déjà vu: l'œuvre naïve coûte 1 234,50 €. Größe, Straße, ÄÖÜ und ẞ.
Съешь же ещё этих мягких французских булок, да выпей чаю. Ελληνικά: Ξεσκεπάζω την ψυχοφθόρα βδελυγμία.
日本語の文章です。カタカナ、ひらがな、ﾊﾝｶｸ。中文：我能吞下玻璃而不伤身体。한국어 문장도 있습니다. 가나다
العربية: نص مع تشكيلٌ ٣٤٥. עברית עם ניקוד: שָׁלוֹם. हिन्दी में लिखा हुआ पाठ। ไทยไม่มีช่องว่าง
Tiếng Việt có nhiều dấu: ế ộ ữ. İstanbul'da ılık. e\u0301 a\u0323\u0302 q\u0307\u0323 ﬁ ﬃ ① ½ ２３ Å Å ™ ㍿ ㋿
emoji: 👩‍👩‍👧‍👦 👍🏽 🇩🇪 🏳️‍🌈 ❤️ ☃ 𝒳𝔸 𐍈 \U0001f9d1\u200d\U0001f680
for (int i = 0; i < n; ++i) { sum += a[i] * b[i]; } // 0xFF_u32 -> std::vector<float>
def f(x):\n    return {'a': x ** 2}\n\n\n\tif x:\r\n\t\tpass  \n   \n
https://example.org/a?b=c&d=%20#frag user@example.com C:\\dir\\file.txt #hash @at $100 100% <s>no</s> [MASK]  [MASK]x
""".strip().splitlines()


def training_text():
    paths = sorted(ROOT.glob("docs/*.md"))
    lines = [line for path in paths for line in path.read_text().splitlines(keepends=True)]
    return lines + [line + "\n" for line in SENTENCES] * 20


def make_texts():
    draw = random.Random(7)
    texts = [b"", b" ", b"  ", b"\n", b" \n \n", b"a", b" a", b"a ", b"\xe2\x96\x81", b"\xe2\x96\x81a \xe2\x96\x81"]
    texts += [line.encode() for line in SENTENCES]
    characters = [chr(c) for c in range(0x20, 0x1FB00) if unicodedata.category(chr(c)) not in ("Cn", "Cs", "Co")]
    gaps = [" ", "  ", "   ", "\n", "\n\n", "\r\n", "\t", " \n", "\u00a0", "\u3000", "'s", "'LL", "'\u017f", "'", "-", "...", "1", "123",
            "1234", "<s>", " </s> ", "[MASK]", " [MASK] ", "x[MASK]", "<unk>", "\u0000", "\u200d", "ſ", "\u0301", "!\r\n"]
    words = "the of Layer tensor ein une для 的 こと the's I'm it'd WE'RE don't".split()
    for size in [3, 5, 8, 13, 21, 34] * 4:
        parts = []
        for _ in range(size):
            kind = draw.random()
            parts.append(draw.choice(words) if kind < 0.3 else draw.choice(gaps) if kind < 0.65 else
                         "".join(draw.choice(characters) for _ in range(draw.randint(1, 3))) if kind < 0.85 else
                         draw.choice(SENTENCES)[draw.randint(0, 9): draw.randint(10, 30)])
        texts.append("".join(parts).encode())
    for line in filter(None, SENTENCES):
        broken = bytearray(line.encode())
        for _ in range(6):
            broken[draw.randrange(len(broken))] = draw.randrange(256)
        texts.append(bytes(broken[: draw.randrange(len(broken))]))
    texts.append(b"\xf0\x9f\x91 \xe2\x82 \xc3 \xed\xa0\x80 \xf4\x90\x80\x80 \xc0\xaf \xff\xfe end \xf0\x9f")
    texts += [b"ab" * 300 + b" " * 300 + b"\n" * 40 + b"x", " ".join(SENTENCES).encode()]
    return texts


def byte_level(lines):
    t = Tokenizer(models.BPE())
    t.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    t.decoder = decoders.ByteLevel()
    t.post_processor = processors.ByteLevel(trim_offsets=False)
    t.train_from_iterator(lines, trainers.BpeTrainer(vocab_size=700, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
                                                     special_tokens=SPECIAL, show_progress=False))
    t.add_special_tokens([AddedToken("[MASK]", lstrip=True)])
    return t


def llama3_like(lines):
    pattern = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|"
               r"\s+(?!\S)|\s+")
    t = Tokenizer(models.BPE(ignore_merges=True))
    t.normalizer = normalizers.NFC()
    t.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(pattern), "isolated"),
                                               pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    t.decoder = decoders.ByteLevel()
    t.train_from_iterator(lines, trainers.BpeTrainer(vocab_size=700, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
                                                     special_tokens=SPECIAL, show_progress=False))
    t.post_processor = processors.Sequence([processors.ByteLevel(trim_offsets=False),
                                            processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])])
    return t


def other_expression(lines):
    # An expression that is none of the known ones, digits apart, and tokens that are normalized or whole words.
    pattern = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|\s+$|[\p{Lu}\p{M}]+|\p{N}{1,2}+|[^\s\p{L}\p{N}]+|\s+"
    t = Tokenizer(models.BPE())
    t.normalizer = normalizers.Sequence([normalizers.Lowercase(), normalizers.NFKC()])
    t.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True),
                                               pre_tokenizers.Split(Regex(pattern), "removed", invert=True),
                                               pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    t.decoder = decoders.ByteLevel()
    t.train_from_iterator(lines, trainers.BpeTrainer(vocab_size=600, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
                                                     special_tokens=SPECIAL, show_progress=False))
    t.add_tokens([AddedToken("LAYER", normalized=True), AddedToken("tensor", single_word=True, rstrip=True),
                  AddedToken("the", single_word=True, normalized=False)])
    return t


def byte_fallback(lines):
    t = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    t.normalizer = normalizers.Sequence([normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")])
    t.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="never")
    t.decoder = decoders.Sequence([decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse(),
                                   decoders.Strip(" ", 1, 0)])
    t.post_processor = processors.TemplateProcessing(single="<s> $A </s>", special_tokens=[("<s>", 1), ("</s>", 2)])
    t.train_from_iterator(lines, trainers.BpeTrainer(vocab_size=800, limit_alphabet=150, show_progress=False,
                                                     special_tokens=SPECIAL + [f"<0x{b:02X}>" for b in range(256)]))
    content = json.loads(t.to_str())
    content["pre_tokenizer"] = None
    content["added_tokens"] = content["added_tokens"][:3]
    return Tokenizer.from_str(json.dumps(content))


def unknown_characters(lines):
    # As above without fallback, first words alone prefixed, words whole, a suffix at words' ends.
    t = Tokenizer(models.BPE(unk_token="<unk>", end_of_word_suffix="</w>"))
    t.normalizer = normalizers.Sequence([normalizers.NFD(), normalizers.StripAccents(), normalizers.Strip()])
    t.pre_tokenizer = pre_tokenizers.Whitespace()
    t.decoder = decoders.BPEDecoder()
    t.train_from_iterator(lines, trainers.BpeTrainer(vocab_size=600, limit_alphabet=100, end_of_word_suffix="</w>",
                                                     special_tokens=SPECIAL, show_progress=False))
    return t


def unigram(lines):
    t = Tokenizer(models.Unigram())
    t.normalizer = normalizers.Sequence([normalizers.Nmt(), normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")])
    t.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first")
    t.decoder = decoders.Metaspace(prepend_scheme="first")
    t.train_from_iterator(lines, trainers.UnigramTrainer(vocab_size=900, special_tokens=SPECIAL, unk_token="<unk>",
                                                         show_progress=False))
    return t


def word_piece(lines):
    t = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    t.normalizer = normalizers.BertNormalizer()
    t.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    t.decoder = decoders.WordPiece()
    t.train_from_iterator(lines, trainers.WordPieceTrainer(vocab_size=600, limit_alphabet=150, show_progress=False,
                                                           special_tokens=["[UNK]", "[CLS]", "[SEP]"]))
    t.post_processor = processors.BertProcessing(("[SEP]", 2), ("[CLS]", 1))
    return t


def sentence_piece(lines, **options):
    out = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(sentence_iterator=iter(line.rstrip("\n") for line in lines), model_writer=out,
                                             minloglevel=2, num_threads=1, **options)
    return out.getvalue()


def precompiled(folder):
    """A tokenizer.json with SentencePiece's own normalization, by a few rules."""
    rules = [("FB01", "66 69"), ("2460", "31"), ("65 301", "E9"), ("300", ""), ("3000", "20"), ("48 49", "68"), ("FF8A", "30CF")]
    (folder / "rules.tsv").write_text("".join(f"{a}\t{b}\n" for a, b in rules))
    model = sentence_piece(SENTENCES * 20, vocab_size=300, normalization_rule_tsv=str(folder / "rules.tsv"), hard_vocab_limit=False)
    (folder / "rules.tsv").unlink()
    at = model.index(b"user_defined") if b"user_defined" in model else 0
    # The normalizer's part: field 1 its name, field 2 the table.
    name = model.index(b"\x0a\x0cuser_defined\x12", at - 2) + 15
    size, shift = 0, 0
    while True:
        size |= (model[name] & 0x7F) << shift
        shift, name = shift + 7, name + 1
        if model[name - 1] < 0x80:
            break
    table = model[name: name + size]
    t = Tokenizer(models.WordLevel({"<unk>": 0}, unk_token="<unk>"))
    content = json.loads(t.to_str())
    content["normalizer"] = {"type": "Precompiled", "precompiled_charsmap": base64.b64encode(table).decode()}
    content["model"] = {"type": "BPE", "vocab": {f"<0x{b:02X}>": b for b in range(256)}, "merges": [], "byte_fallback": True,
                        "dropout": None, "unk_token": None, "continuing_subword_prefix": None, "end_of_word_suffix": None,
                        "fuse_unk": False, "ignore_merges": False}
    content["decoder"] = {"type": "Sequence", "decoders": [{"type": "ByteFallback"}, {"type": "Fuse"}]}
    return Tokenizer.from_str(json.dumps(content))


def tekken():
    pattern = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    words = [bytes([b]) for b in range(256)]
    for text in ["th", "the", " t", " th", " the", "er", "in", " d", "12", "\n\n", "  ", "де", "日本", "the layer", "ab", "abab", "ll", "'ll"]:
        words.append(text.encode())
    content = {"config": {"pattern": pattern, "num_vocab_tokens": 300, "default_vocab_size": len(words) + 24,
                          "default_num_special_tokens": 24, "version": "v3"},
               "special_tokens": [{"rank": i, "token_str": name, "is_control": True} for i, name in enumerate(SPECIAL)],
               "vocab": [{"rank": i, "token_bytes": base64.b64encode(w).decode(), "token_str": None}
                         for i, w in enumerate(words)]}
    library = tiktoken.Encoding("small", pat_str=pattern, mergeable_ranks={w: i for i, w in enumerate(words)}, special_tokens={})
    return content, library


def main():
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "test/Inputs/tokenizers"
    folder.mkdir(parents=True, exist_ok=True)
    lines, texts, cases = training_text(), make_texts(), []

    def record(name, content, size, encode, decode):
        (folder / name).write_bytes(content)
        draw = random.Random(name)
        # Tokens that no text becomes, with bytes more often than others.
        odd = [[draw.randrange(1, min(size, 260 if draw.random() < 0.5 else size)) for _ in range(draw.randint(1, 20))]
               for _ in range(24)]
        results = []
        for text in texts:
            ids = encode(text)
            results.append([" ".join(map(str, ids)), base64.b64encode(decode(ids).encode()).decode()])
        cases.append({"file": name, "results": results, "odd": [
            [" ".join(map(str, ids)), base64.b64encode(decode(ids).encode()).decode()] for ids in odd]})

    kinds = [byte_level, llama3_like, other_expression, byte_fallback, unknown_characters, unigram, word_piece]
    libraries = {kind.__name__.replace("_", "-") + ".json": kind(lines) for kind in kinds}
    libraries["precompiled.json"] = precompiled(folder)
    for name, t in libraries.items():
        record(name, json.dumps(json.loads(t.to_str()), ensure_ascii=False, separators=(",", ":")).encode(),
               t.get_vocab_size(), lambda text, t=t: t.encode(text.decode(errors="replace")).ids,
               lambda ids, t=t: t.decode(ids, skip_special_tokens=False))
    models_by_name = {
        "bpe.model": sentence_piece(lines, model_type="bpe", vocab_size=700, byte_fallback=True, normalization_rule_name="identity",
                                    remove_extra_whitespaces=False, character_coverage=0.98, user_defined_symbols=["[MASK]", "the "]),
        "bpe-unknown.model": sentence_piece(lines, model_type="bpe", vocab_size=500, normalization_rule_name="identity",
                                            remove_extra_whitespaces=False, character_coverage=0.98),
        "unigram.model": sentence_piece(lines, vocab_size=600, byte_fallback=True, normalization_rule_name="identity",
                                        character_coverage=0.98)}
    for name, model in models_by_name.items():
        t = sentencepiece.SentencePieceProcessor(model_proto=model)
        record(name, model, t.get_piece_size(), lambda text, t=t: t.encode(text, add_bos=True), lambda ids, t=t: t.decode(ids))
    content, library = tekken()
    first = content["config"]["default_num_special_tokens"]

    names = [token["token_str"] for token in content["special_tokens"]]
    names += [f"<SPECIAL_{i}>" for i in range(len(names), first)]

    def decode_tekken(ids):
        data = b"".join(names[i].encode() if i < first else library.decode_single_token_bytes(i - first) for i in ids)
        return data.decode(errors="replace")

    record("tekken.json", json.dumps(content).encode(), content["config"]["default_vocab_size"],
           lambda text: [1] + [i + first for i in library.encode(text.decode(errors="replace"), disallowed_special=())],
           decode_tekken)
    (folder / "cases.json").write_text(json.dumps(
        {"texts": [base64.b64encode(text).decode() for text in texts], "tokenizers": cases}, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
