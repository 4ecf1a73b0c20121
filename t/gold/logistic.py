# SPDX-License-Identifier: MIT
"""logistic.py > logistic.json - fits of scikit-learn's LogisticRegression for t/logistic.c.

Rows are made of integers, so that the file is exact in any type; features differ in scale by thousands, one is
constant, and few rows are bad.  Sparse rows are the same numbers with most of them 0, not standardised.
"""
import json
import warnings

import numpy
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

warnings.filterwarnings("error")
rng = numpy.random.default_rng(11)
cases = []
for name, n, d, bad, sparse in [("dense", 90, 6, 30, 0), ("few bad rows", 200, 9, 5, 0), ("more features than rows", 30, 70, 9, 0),
                                ("separable", 40, 3, 20, 0), ("sparse", 120, 25, 40, 1)]:
    y = numpy.arange(n) % (n // bad) == 0
    y &= numpy.cumsum(y) <= bad
    x = rng.integers(-9, 10, (n, d)) + 4 * y[:, None] * (rng.random(d) < 0.3)
    x = x * numpy.array([10 ** (j % 4) for j in range(d)]) + 7000 * (numpy.arange(d) % 3 == 1)
    if name == "separable":
        x[:, 0] = numpy.where(y, 50, -50) + x[:, 0]
    if sparse:
        x = (x % 5) * (rng.random((n, d)) < 0.2)
    else:
        x[:, -1] = 3
    for c in [1e-4, 1e-2, 1, 100]:
        scale = StandardScaler(with_mean=not sparse, with_std=not sparse).fit(x.astype(float))
        fit = LogisticRegression(C=c, class_weight="balanced", solver="newton-cholesky", tol=1e-12, max_iter=10000)
        fit.fit(scale.transform(x.astype(float)), y)
        value = fit.decision_function(scale.transform(x.astype(float)))
        cases.append({"name": name, "sparse": sparse, "c": c, "d": d, "x": x.tolist(), "bad": y.astype(int).tolist(),
                      "value": [float(v) for v in value]})
print(json.dumps(cases, separators=(",", ":")))
