"""Byte pairs as Hugging Face's tokenizers learn and apply them: byte_pairs.json.

    python make_byte_pairs.py                       makes the fixture
    python make_byte_pairs.py compare F.h5 TEXT     holds a file of `lockstep convert text TEXT --token bpe` against them:
                                                    vocabulary, merges and every id

The reference: ByteLevel pre-tokens (GPT-2's pattern), BpeTrainer with <unk> and all bytes, pairs of two uses or more.
"""

import json
import pathlib
import sys

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

ENGLISH = """The Time Traveller (for so it will be convenient to speak of him) was expounding a recondite matter to us. His \
pale grey eyes shone and twinkled, and his usually pale face was flushed and animated. The fire burnt brightly, and the soft \
radiance of the incandescent lights in the lilies of silver caught the bubbles that flashed and passed in our glasses. Our \
chairs, being his patents, embraced and caressed us rather than submitted to be sat upon, and there was that luxurious \
after-dinner atmosphere, when thought runs gracefully free of the trammels of precision. And he put it to us in this way—marking \
the points with a lean forefinger—as we sat and lazily admired his earnestness over this new paradox (as we thought it) and his \
fecundity.

“You must follow me carefully. I shall have to controvert one or two ideas that are almost universally accepted. The geometry, for \
instance, they taught you at school is founded on a misconception.”

“Is not that rather a large thing to expect us to begin upon?” said Filby, an argumentative person with red hair.

“I do not mean to ask you to accept anything without reasonable ground for it. You'll soon admit as much as I need from you. You \
know of course that a mathematical line, a line of thickness nil, has no real existence. They taught you that? Neither has a \
mathematical plane. These things are mere abstractions.”

“That is all right,” said the Psychologist.

“Nor, having only length, breadth, and thickness, can a cube have a real existence.”

“There I object,” said Filby. “Of course a solid body may exist. All real things—”

“So most people think. But wait a moment. Can an instantaneous cube exist?”

“Don't follow you,” said Filby.

“Can a cube that does not last for any time at all, have a real existence?”
"""
CHINESE = """道可道，非常道；名可名，非常名。无名，天地之始；有名，万物之母。故常无欲，以观其妙；常有欲，以观其徼。此两者，同出而异名，同谓之玄。玄之又玄，众妙之门。
天下皆知美之为美，斯恶已；皆知善之为善，斯不善已。有无相生，难易相成，长短相形，高下相盈，音声相和，前后相随，恒也。是以圣人处无为之事，行不言之教；万物作而弗始，生而弗有，为而弗恃，功成而弗居。夫唯弗居，是以不去。
不尚贤，使民不争；不贵难得之货，使民不为盗；不见可欲，使民心不乱。是以圣人之治，虚其心，实其腹，弱其志，强其骨。常使民无知无欲。使夫智者不敢为也。为无为，则无不治。
道冲，而用之或不盈。渊兮，似万物之宗；湛兮，似或存。吾不知谁之子，象帝之先。
天地不仁，以万物为刍狗；圣人不仁，以百姓为刍狗。天地之间，其犹橐籥乎？虚而不屈，动而愈出。多言数穷，不如守中。
谷神不死，是谓玄牝。玄牝之门，是谓天地根。绵绵若存，用之不勤。
天长地久。天地所以能长且久者，以其不自生，故能长生。是以圣人后其身而身先；外其身而身存。非以其无私邪？故能成其私。
上善若水。水善利万物而不争，处众人之所恶，故几于道。居善地，心善渊，与善仁，言善信，政善治，事善能，动善时。夫唯不争，故无尤。
"""
REPEATS = "aaaa aaa aa a aaaaaa  aaaa\n\n\n   bb abab ababab 1111 11 2024-11-26 --- ---- ====\t\t== aaaa aaa\r\n"
OTHERS = [
    "It’s 12:30, isn't it? We'll see; they've gone, I'd say.", "  two  blanks,\n\n\tand a tab \n", "été à la façon naïve",
    "道生一，一生二，二生三，三生万物。", "🙂👍🏽 and \u0000 \u001f \u00a0\u3000x", "ⅷ ½ 三 ٣ ²", "'s're'll''ve 'S", " ", "aaaaaaaaaaaaa",
]


def learn(text, vocabulary):
    tokenizer = Tokenizer(models.BPE(unk_token=None))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary, min_frequency=2, special_tokens=["<unk>"], show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    tokenizer.train_from_iterator([text], trainer)
    return tokenizer


def merges(tokenizer):
    pairs = json.loads(tokenizer.to_str())["model"]["merges"]
    return [pair if isinstance(pair, str) else " ".join(pair) for pair in pairs]


def vocabulary(tokenizer):
    return [token for token, _ in sorted(tokenizer.get_vocab().items(), key=lambda entry: entry[1])]


def fixture():
    cases = []
    for name, text, size in (("English", ENGLISH, 420), ("Chinese", CHINESE, 400), ("repeats", REPEATS, 300)):
        tokenizer = learn(text, size)
        cases.append({
            "name": name, "text": text, "size": size, "vocabulary": vocabulary(tokenizer), "merges": merges(tokenizer),
            "ids": tokenizer.encode(text).ids,
            "others": [{"text": other, "ids": tokenizer.encode(other).ids} for other in OTHERS]})
    lines = ",\n".join(json.dumps(case, ensure_ascii=False) for case in cases)
    pathlib.Path(__file__).with_name("byte_pairs.json").write_text(f"[\n{lines}\n]\n")
    print(f"byte_pairs.json: {len(cases)} cases, {len(lines.encode())} bytes")


def compare(path, source):
    import h5py
    with h5py.File(path) as file:
        words, pairs = ([text.decode() for text in file[name][:]] for name in ("vocabulary", "merges"))
        ids = file["train/tokens"][:].tolist()
    text = pathlib.Path(source).read_bytes().decode()
    tokenizer = learn(text, len(words))
    print(f"{len(words)} tokens, {len(pairs)} merges, {len(ids)} ids")
    print("vocabulary:", "the same" if vocabulary(tokenizer) == words else "differs")
    print("merges:", "the same" if merges(tokenizer) == pairs else "differ")
    print("ids:", "the same" if tokenizer.encode(text).ids == ids else "differ")
    model = models.BPE(
        vocab={word: number for number, word in enumerate(words)}, merges=[tuple(pair.split(" ")) for pair in pairs])
    own = Tokenizer(model)
    own.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    print("ids by the file's merges:", "the same" if own.encode(text).ids == ids else "differ")


if __name__ == "__main__":
    compare(*sys.argv[2:4]) if sys.argv[1:2] == ["compare"] else fixture()
