#!/usr/bin/python3
"""One target's LiRA scores from 254 other models x 50 000 records in NumPy: masked moments of whole matrices, in one pass
by products (the fastest we know; it loses digits where means are large) and in two; and, on a part, a gather for each
record as released code does it. Prints seconds of each (the last extrapolated)."""
import statistics
import time

import numpy as np

MODELS, RECORDS, PART = 256, 50_000, 2_000
rng = np.random.default_rng(1)
half = rng.random((MODELS // 2, RECORDS)) < 0.5
member = np.stack([half, ~half], axis=1).reshape(MODELS, RECORDS)
signal = rng.standard_normal((MODELS, RECORDS)) + 0.3 * member
others = np.array([m for m in range(MODELS) if m // 2 != 1])


def log_density(x, mean, variance):
    return -0.5 * np.log(variance) - (x - mean) ** 2 / (2 * variance)


def one_pass():
    inside = member.astype(np.float64)
    inside[2:4] = 0  # the pair that is left out, without a copy of the matrix
    count = inside.sum(0)
    total, squares = np.einsum("mn->n", signal), np.einsum("mn,mn->n", signal, signal)
    total, squares = (x - signal[2] ** power - signal[3] ** power for x, power in ((total, 1), (squares, 2)))
    of_in, squares_in = np.einsum("mn,mn->n", signal, inside), np.einsum("mn,mn,mn->n", signal, signal, inside)
    sides = []
    for n, sum_of, sum_of_squares in ((count, of_in, squares_in), (len(others) - count, total - of_in, squares - squares_in)):
        mean = sum_of / n
        sides.append((mean, sum_of_squares / n - mean ** 2))
    return log_density(signal[2], *sides[0]) - log_density(signal[2], *sides[1])


def two_passes():
    values, inside = signal[others], member[others]
    sides = []
    for mask in (inside, ~inside):
        count = mask.sum(0)
        mean = np.where(mask, values, 0).sum(0) / count
        variance = np.where(mask, (values - mean) ** 2, 0).sum(0) / count
        sides.append((mean, variance))
    return log_density(signal[2], *sides[0]) - log_density(signal[2], *sides[1])


def by_record():
    scores = np.empty(PART)
    for i in range(PART):
        values, inside = signal[others, i], member[others, i]
        taught, untaught = values[inside], values[~inside]
        scores[i] = (log_density(signal[2, i], taught.mean(), taught.var())
                     - log_density(signal[2, i], untaught.mean(), untaught.var()))
    return scores


def seconds(work, repeats):
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


np.testing.assert_allclose(one_pass(), two_passes(), rtol=1e-9, atol=1e-9)
np.testing.assert_allclose(two_passes()[:PART], by_record(), rtol=1e-9, atol=1e-9)
print(f"{seconds(one_pass, 5):.5f} {seconds(two_passes, 5):.5f} {seconds(by_record, 3) * RECORDS / PART:.5f}")
