"""Writes distances.json: Fréchet distances of made cases, to hold package fid against.

    python export_scipy.py        # SciPy 1.17, NumPy 2.4, mpmath 1.3

"full": means and covariances of full rank, with the distance by SciPy's matrix square root.
"deficient": vectors, fewer than features (float32), with the distance by singular values in 60 digits.
"""
import json
import os

import mpmath
import numpy as np
import scipy.linalg

random = np.random.default_rng(7)


def full(size, spread):
    """A case of that many features, whose variances lie between 1 and 10^spread."""
    def gaussian():
        turn = np.linalg.qr(random.normal(size=(size, size)))[0]
        covariance = turn @ np.diag(10 ** random.uniform(0, spread, size)) @ turn.T
        return random.normal(size=size), (covariance + covariance.T) / 2

    (m1, s1), (m2, s2) = gaussian(), gaussian()
    root = scipy.linalg.sqrtm(s1 @ s2)
    distance = np.sum((m1 - m2) ** 2) + np.trace(s1) + np.trace(s2) - 2 * np.trace(root).real
    return {"means": [m1.tolist(), m2.tolist()], "covariances": [s1.flatten().tolist(), s2.flatten().tolist()],
            "distance": distance}


def deficient(features, samples, scale):
    a, b = ((random.normal(size=(n, features)) * s + random.normal(size=features)).astype(np.float32)
            for n, s in zip(samples, (1, scale)))
    mpmath.mp.dps = 60

    def centred(x):
        x = mpmath.matrix(x.astype(float).tolist())
        mean = [sum(x[i, j] for i in range(x.rows)) / x.rows for j in range(x.cols)]
        for i in range(x.rows):
            for j in range(x.cols):
                x[i, j] = (x[i, j] - mean[j]) / mpmath.sqrt(x.rows - 1)
        return mean, x

    (m1, x), (m2, y) = centred(a), centred(b)
    singular = mpmath.svd_r(x * y.T, compute_uv=False)
    squares = sum(v * v for v in x) + sum(v * v for v in y)
    distance = sum((u - v) ** 2 for u, v in zip(m1, m2)) + squares - 2 * sum(singular)
    numbers = [[float(f"{v:.9g}") for v in x.flatten()] for x in (a, b)]
    return {"features": features, "vectors": numbers, "distance": float(distance)}


result = {
    "full": [full(3, 1), full(5, 0), full(8, 2), full(12, 3), full(16, 4)],
    "deficient": [deficient(12, (5, 5), 1), deficient(16, (3, 9), 2), deficient(20, (8, 24), 0.1)],
}
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "distances.json"), "w") as file:
    json.dump(result, file)
    file.write("\n")
