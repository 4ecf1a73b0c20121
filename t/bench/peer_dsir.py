# SPDX-License-Identifier: MIT
"""peer_dsir.py ROWS TARGET PROCESSES SCORES - log-weights by data-selection; prints how far they are from SCORES."""
import glob
import json
import os
import sys
import tempfile

import numpy as np
from data_selection import HashedNgramDSIR


def load(path):
    with open(path) as f:
        for line in f:
            yield json.loads(line)


def text(row):
    return "\n".join(m["content"] for m in row["messages"])


def main(rows, target, processes, scores):
    with tempfile.TemporaryDirectory() as cache:
        d = HashedNgramDSIR([rows], [target], cache_dir=cache, raw_load_dataset_fn=load, raw_parse_example_fn=text,
                            target_load_dataset_fn=load, target_parse_example_fn=text, num_proc=processes,
                            min_example_length=0)
        d.fit_importance_estimator(num_tokens_to_fit="all")
        d.compute_importance_weights()
        files = glob.glob(os.path.join(cache, "log_importance_weights", "*.npy"))
        shards = [np.load(f) for f in sorted(files, key=lambda f: int(os.path.basename(f)[:-4]))]
    with open(scores) as f:
        next(f)
        ours = np.array([json.loads(line)["score"] for line in f])
    theirs = np.empty(len(ours))
    for i, s in enumerate(shards):           # row k is in shard k modulo their number
        theirs[i::len(shards)] = s
    print(np.abs(ours - theirs).max())


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4])
