# SPDX-License-Identifier: MIT
"""glm.py [ANNOTATIONS] > glm.json - length-controlled win rates of invented annotations for t/winrate.t, and, without difficulties,
of published ones.

The estimator is that of alpaca_eval (metrics/glm_winrate.py, commit cd543a1) written down anew from its description: every annotation
once as a success, weighted by its preference, and once as a failure, in scikit-learn's LogisticRegressionCV with an L1 penalty, five
folds that hold both copies together, and the log loss on shares as the score.  Only liblinear's tolerance is another one, so that the
minimum is known to more than three digits.
"""
import json
import sys
import warnings

import numpy
import sklearn
from sklearn.linear_model import LogisticRegressionCV
from sklearn.metrics import make_scorer
from sklearn.model_selection import GroupKFold

warnings.filterwarnings("ignore", category=FutureWarning)
sklearn.set_config(enable_metadata_routing=True)


def log_loss(is_success, share, prob, weight):
    want = numpy.where(is_success == 1, prob, 1 - prob)
    share = numpy.clip(share, 1e-15, 1 - 1e-15)
    return -numpy.mean(weight * (want * numpy.log(share) + (1 - want) * numpy.log(1 - share)))


def fit(x, p, s):
    twice, prob, weight = numpy.vstack([x, x]), numpy.r_[p, 1 - p], numpy.r_[s, s]
    scorer = make_scorer(log_loss, response_method="predict_proba", greater_is_better=False)
    model = LogisticRegressionCV(cv=GroupKFold(5), scoring=scorer.set_score_request(prob=True, weight=True), l1_ratios=(1,), random_state=1,
                                 solver="liblinear", fit_intercept=False, tol=1e-9, max_iter=10**5, use_legacy_attributes=False)
    model.set_fit_request(sample_weight=True)
    model.fit(twice, numpy.repeat([1, 0], len(p)), sample_weight=prob * weight, prob=prob, weight=weight, groups=numpy.tile(numpy.arange(len(p)), 2))
    return model.coef_[0], float(model.C_)


def controlled(annotations, hard=None, gamed=()):
    longer = numpy.array([len(a["output_1"]) - len(a["output_2"]) for a in annotations], float)
    p = numpy.array([numpy.nan if a["preference"] is None else (a["preference"] or 1.5) - 1 for a in annotations])
    h = numpy.array([hard[a.get("index", i)] for i, a in enumerate(annotations)]) if hard else numpy.zeros(len(p))
    x = numpy.c_[numpy.tanh(longer / longer.std(ddof=1)), h, numpy.ones(len(p))]
    g = numpy.array([[numpy.tanh(r["std_delta_len"]), r["instruction_difficulty"], 0] for r in gamed]).reshape(-1, 3)
    use = numpy.r_[numpy.full(len(g), True), ~numpy.isnan(p)]
    y = numpy.r_[[r["preference"] for r in gamed], p]
    s = numpy.r_[numpy.full(len(g), 0.1), numpy.ones(len(p))]
    columns = [0, 1, 2] if hard else [0, 2]
    w, c = fit(numpy.vstack([g, x])[use][:, columns], y[use], s[use])
    at_equal = numpy.c_[numpy.zeros(len(p)), h, numpy.ones(len(p))][:, columns]
    return {"rate": float(100 * numpy.mean(1 / (1 + numpy.exp(-at_equal @ w)))), "length": w[0], "difficulty": w[1] if hard else None,
            "model": w[-1], "c": c}


rng = numpy.random.default_rng(5)
n = 90
hard = [round(float(v), 3) for v in rng.normal(0, 1.5, n)]
letters = numpy.array(["a", "\u00e9", "\u4e2d", "\U0001f600", " "])
annotations, gamed = [], []
for i in range(n):
    text = ["".join(rng.choice(letters, rng.integers(1, 24))) for _ in range(2)]
    z = 0.09 * (len(text[1]) - len(text[0])) + 0.6 * hard[i] - 0.8
    p = 1 / (1 + numpy.exp(-z + rng.normal(0, 0.5)))
    p = float(rng.random() < p) + 1 if i % 3 else round(float(p) + 1, 4)
    annotations.append({"output_1": text[0], "output_2": text[1], "preference": {7: 0, 30: None, 61: None}.get(i, p)})
for sign in (1, -1):
    for i in range(n):
        longer = round(float(rng.normal(sign, 1)), 3)
        p = 1 / (1 + numpy.exp(1.2 * numpy.tanh(longer) - 0.4 * hard[i]))
        gamed.append({"index": i, "instruction_difficulty": hard[i], "preference": round(float(p), 4), "std_delta_len": longer})
# in another order, which their indices tell
moved = [dict(annotations[(13 * i) % n], index=(13 * i) % n) for i in range(70)]
# of annotations that one feature tells apart
apart = [{"output_1": "x" * (1 + i % 9), "output_2": "y" * 5, "preference": 2 if i % 9 < 4 else 1} for i in range(45)]
gold = {"annotations": annotations, "gamed": gamed, "moved": moved, "apart": apart,
        "want": {"plain": controlled(annotations), "hard": controlled(annotations, hard), "gamed": controlled(annotations, hard, gamed),
                 "moved": controlled(moved, hard), "apart": controlled(apart)}}
if len(sys.argv) > 1:
    gold["want"]["phi-2"] = controlled(json.load(open(sys.argv[1])))
print(json.dumps(gold, separators=(",", ":"), ensure_ascii=False))
