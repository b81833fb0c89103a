"""Boosted trees in plain NumPy, as XGBoost's `hist` grows them where no feature has more than 256 values: every split between
two neighbouring values is tried, and a row goes left where its value is below the next one that any row has (not only those of the
node). Leaves are -G/(H + 1)."""
import numpy as np


def grow(x, gradient, hessian, max_leaves=0, max_depth=0, least_hessian=1.0):
    """A tree of (feature, threshold, left, right) and leaf values: by the largest gain first, or level by level."""

    def value_of(rows):
        return -gradient[rows].sum() / (hessian[rows].sum() + 1)

    def gain_of(g, h):
        return g * g / (h + 1)

    def best_split(rows):
        best = (1e-6, None)
        whole = gain_of(gradient[rows].sum(), hessian[rows].sum())
        for feature in range(x.shape[1]):
            order = rows[np.argsort(x[rows, feature], kind="stable")]
            values = x[order, feature]
            g, h = np.cumsum(gradient[order]), np.cumsum(hessian[order])
            for k in np.flatnonzero(values[1:] > values[:-1]):
                if min(h[k], h[-1] - h[k]) < least_hessian:
                    continue
                gain = gain_of(g[k], h[k]) + gain_of(g[-1] - g[k], h[-1] - h[k]) - whole
                if gain > best[0] * (1 + 1e-9):
                    above = known[feature][np.searchsorted(known[feature], values[k], side="right")]
                    best = (gain, (feature, above, order[:k + 1], order[k + 1:]))
        return best

    known = [np.unique(column) for column in x.T]
    root = {"rows": np.arange(len(x)), "depth": 0}
    open_leaves, leaves = [(*best_split(root["rows"]), root)], 1
    while open_leaves and (not max_leaves or leaves < max_leaves):
        place = max(range(len(open_leaves)), key=lambda k: open_leaves[k][0])
        gain, split, node = open_leaves.pop(place)
        if split is None or (max_depth and node["depth"] >= max_depth):
            continue
        node["feature"], node["threshold"], *sides = split
        node["sides"] = [{"rows": rows, "depth": node["depth"] + 1} for rows in sides]
        open_leaves += [(*best_split(side["rows"]), side) for side in node["sides"]]
        leaves += 1

    def predict(rows):
        def walk(node, row):
            while "sides" in node:
                node = node["sides"][int(row[node["feature"]] >= node["threshold"])]
            return value_of(node["rows"])

        return np.array([walk(root, row) for row in rows])

    return predict


def classifier(x, labels, trees, rate, max_leaves, least_hessian):
    """Log-odds by logistic loss, both labels weighing the same."""
    x, labels = x.astype(np.float32), np.asarray(labels, bool)
    weight = np.where(labels, 0.5 * len(labels) / labels.sum(), 0.5 * len(labels) / (~labels).sum())
    odds, grown = np.zeros(len(x)), []
    for _ in range(trees):
        p = 1 / (1 + np.exp(-odds))
        grown.append(grow(x, weight * (p - labels), weight * p * (1 - p), max_leaves, 0, least_hessian))
        odds += rate * grown[-1](x)
    return lambda rows: rate * sum(tree(rows.astype(np.float32)) for tree in grown)


def normal(x, y, rounds, rate, max_depth, least_rows):
    """Mean and deviation of y: a tree for either, in turn."""
    x = x.astype(np.float32)
    centre, scale = y.mean(), y.std()
    means, logs, grown = np.zeros(len(x)), np.zeros(len(x)), []
    ones = np.ones(len(x))
    for _ in range(rounds):
        residual = (y - centre) / scale - means
        off = residual / np.maximum(0.01, np.exp(logs))
        pair = (grow(x, -residual, ones, 0, max_depth, least_rows),
                grow(x, np.maximum(-3, (1 - off ** 2) / 2), ones, 0, max_depth, least_rows))
        means, logs = means + rate * pair[0](x), logs + rate * pair[1](x)
        grown.append(pair)

    def predict(rows):
        rows = rows.astype(np.float32)
        mean = rate * sum(pair[0](rows) for pair in grown)
        log = rate * sum(pair[1](rows) for pair in grown)
        return centre + scale * mean, scale * np.maximum(0.01, np.exp(log))

    return predict
