# SPDX-License-Identifier: MIT
"""pattern.py - what Python's re makes of patterns on names of modules.

    python3 t/gold/pattern.py        writes pattern.json: names, and of each pattern which names it matches
                                     from their beginning ("begin") and as a whole ("full"), by their places
"""
import json
import os
import re

NAMES = ["model.layers.0.self_attn.q_proj", "model.layers.11.self_attn.k_proj", "model.layers.1.mlp.gate_up_proj",
         "gpt_neox.layers.3.attention.query_key_value", "gpt_neox.layers.10.mlp.dense_4h_to_h", "lm_head",
         "model.embed_tokens", "model.language_model.layers.2.mlp.down_proj", "Model.Norm", "a-b/c d.e"]
PATTERNS = [
    "model", ".*", "lm_head", ".*_proj", r".*\.(q|k)_proj", r"(?:.*\.)?(?:self_attn|mlp)\.\w+", r".*[qk]_proj",
    r"(?:\bmodel\.layers\.[\d]{1,}\.(?:self_attn|mlp)\.(?:(?:q_proj|down_proj)))",
    r"(?:.*?(?:language|text).*?(?:self_attn|attention|mlp|feed_forward).*?(?:q_proj|down_proj).*?)|(?:lm_head)",
    r"^(?!.*embed).*layers\.\d+\..*$", r".*layers\.[0-9]\..*", r".*layers\.\d{2}\..*", r".*layers\.\d{1,2}?\..*",
    r"(.*\.)?(layers\.1\..*)$", r"(.*\.)?(q_proj)$", r"(.*\.)?(_proj)$", r".*(?<=dense_)4h_to_h", r".*(?<!gate_)up_proj",
    "(?i)MODEL.*", "(?i)model\\.norm", r"[^.]+\.[^.]+", r"[\w.]+", r"[\w.\-/ ]+", r"\S+", r"\D*", r".*\B_\w+", r".*\W\w", "a-b.*",
    r"(?P<part>model|gpt_neox)\.(?P<rest>.*)", r"(a|b|)*.*", r"\Amodel.*\Z", r".+?\.\d+\.[a-z_]+\.[a-z_0-9]+?",
    r"m.d.l(\.\w+)+", r"(?=model)(?=.*mlp).*", "", "|lm_head", "model.embed_tokens|", r".*\b\d\b.*", "[a-zA-Z]+", r"[-a-e/. ]+",
    r"gpt\_neox\..*", r"x{2,3}|.*(e{1,1}d){1}.*",
]


def main():
    said = []
    for p in PATTERNS:
        said.append({"pattern": p, "begin": [i for i, n in enumerate(NAMES) if re.match(p, n)],
                     "full": [i for i, n in enumerate(NAMES) if re.fullmatch(p, n)]})
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "pattern.json"), "w") as f:
        f.write('{"names": ' + json.dumps(NAMES) + ',\n "patterns": [\n')
        f.write(",\n".join(json.dumps(s) for s in said) + "\n]}\n")


if __name__ == "__main__":
    main()
