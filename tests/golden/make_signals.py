#!/usr/bin/python3
"""Writes tests/signal/golden_values.inc: every signal by its textbook formula in 60-digit decimals, from the stored bits
of float16, float32 and float64 rows, and `spread` by plain NumPy float64. Run: make_signals.py > golden_values.inc"""

from decimal import Decimal, getcontext

import numpy as np

getcontext().prec = 400  # 1 − p of a row with a gap of 800 is 1e-347


def logsumexp(z):
    return sum(v.exp() for v in z).ln()


def signals(z, y):
    p = [(v - logsumexp(z)).exp() for v in z]
    others = z[:y] + z[y + 1:]
    u = [v / 2 - (Decimal("0.6") if k == y else 0) for k, v in enumerate(z)]
    t = [1 + v + v**2 / 2 + v**3 / 6 + v**4 / 24 for v in u]
    return {
        "loss": logsumexp(z) - z[y],
        "confidence": p[y],
        "max_probability": max(p),
        "rescaled_logit": z[y] - logsumexp(others),
        "margin": z[y] - max(others),
        "entropy": -sum(v * v.ln() for v in p),
        "modified_entropy": -(1 - p[y]) * p[y].ln() - sum(v * (1 - v).ln() for k, v in enumerate(p) if k != y),
        "taylor_confidence": t[y] / sum(t),
    }


def spread(row):
    row = row.astype(np.float64)
    scaled = (row - row.min()) / (row.max() - row.min())
    return np.mean(scaled.max() - scaled)


def long_row(classes, seed):
    k = np.arange(classes, dtype=np.int64)
    return ((k * k * 7919 + 104729 * k + 13 * seed) % 10007) / 997.0 - 5


def to_logs(row, form):
    values = [Decimal(float(v)) for v in row]
    if form != "probabilities":
        return values
    smallest = Decimal(float(np.nextafter(row.dtype.type(0), row.dtype.type(1))))
    return [max(v, smallest).ln() for v in values]


def pair(value, dtype, form):
    """The two classes of a binary model's only column, as logs."""
    v = Decimal(float(value))
    smallest = Decimal(float(np.nextafter(dtype(0), dtype(1))))
    if form == "logits":
        return [Decimal(0), v]
    if form == "log_probabilities":
        return [max(1 - v.exp(), smallest).ln(), v]
    return [max(1 - v, smallest).ln(), max(v, smallest).ln()]


ROWS = [
    ("logits", np.float32, [2.5, -1.25, 0.1, 3.75, -7.5], 3),
    ("logits", np.float32, [2.5, -1.25, 0.1, 3.75, -7.5], 4),
    ("logits", np.float32, [40, -1.25, 0.1, 3.75, -7.5], 0),
    ("logits", np.float32, [90, 1, -60, 3.5], 0),
    ("logits", np.float32, [90, 1, -60, 3.5], 2),
    ("logits", np.float64, [700, 1, -60, 3.5], 0),
    ("logits", np.float64, [0.1, 0.1, 0.1], 1),
    ("logits", np.float64, [1e-9, 0, -1e-9, 2e-9], 2),
    ("logits", np.float16, [5.5, 5.5, -3.3, 1.1, 0.7, 9.9], 5),
    ("logits", np.float16, [-5.5, -8.25], 1),
    ("probabilities", np.float32, [0.7, 0.2, 0.1], 0),
    ("probabilities", np.float32, [0.7, 0.2, 0.0995, 0], 3),
    ("probabilities", np.float32, [1, 0, 0, 0], 0),
    ("probabilities", np.float32, [1, 0, 0, 0], 1),
    ("probabilities", np.float16, [0.9, 0.1, 0], 0),
    ("probabilities", np.float16, [0.9, 0.1, 0], 2),
    ("probabilities", np.float64, [1e-300, 0.25, 0.75], 0),
    ("probabilities", np.float64, [1e-300, 0.25, 0.75], 2),
    ("log_probabilities", np.float32, [-0.01, -4.7, -8.5], 0),
    ("log_probabilities", np.float64, [-0.01, -4.7, -8.5], 1),
    ("logits", np.float32, [3.25], 0),
    ("logits", np.float32, [3.25], 1),
    ("probabilities", np.float32, [0.3], 0),
    ("probabilities", np.float32, [0.999999], 1),
    ("probabilities", np.float32, [0], 1),
    ("probabilities", np.float32, [1], 1),
    ("probabilities", np.float16, [0.25], 1),
    ("log_probabilities", np.float64, [-1e-9], 1),
    ("log_probabilities", np.float32, [-30], 0),
    ("log_probabilities", np.float32, [-30], 1),
]


def main():
    print("// Written by tests/golden/make_signals.py; do not edit.")
    print("const GoldenRow kGoldenRows[] = {")
    for form, dtype, given, y in ROWS:
        row = np.array(given, dtype=dtype)
        z = to_logs(row, form) if len(row) > 1 else pair(row[0], dtype, form)
        values = ", ".join(repr(float(v)) for v in signals(z, y).values())
        stored = ", ".join(repr(float(v)) for v in row)
        print(f"    {{OutputForm::{form}, ElementType::{row.dtype.name}, {{{stored}}}, {y},\n     {{{values}}}}},")
    print("};\n\nconst GoldenSpread kGoldenSpreads[] = {")
    for classes in (2, 3, 7, 8, 9, 10, 15, 16, 17, 100, 127, 128, 129, 136, 257, 300, 1000):
        for seed in (1, 2):
            print(f"    {{{classes}, {seed}, {spread(long_row(classes, seed)).hex()}}},")
    print("};")


main()
