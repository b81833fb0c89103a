"""Boosted trees in plain NumPy, as XGBoost's `hist` grows them where no feature has more than 256 values: every split between
two neighbouring values is tried, and a row goes left where its value is below the next one that any row has (not only those of the
node). Leaves are -rate G/(H + 1). Gradients, leaves and their sums over trees are float32, as XGBoost has them; sums over rows are
not."""
import numpy as np

F = np.float32


def grow(x, gradient, hessian, rate, max_leaves=0, max_depth=0, least_hessian=1.0):
    """A tree of (feature, threshold, left, right) and leaf values: by the largest gain first, or level by level."""
    gradient, hessian = gradient.astype(np.float64), hessian.astype(np.float64)

    def value_of(rows):
        return F(rate) * F(-gradient[rows].sum() / (hessian[rows].sum() + 1))

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

        return np.array([walk(root, row) for row in rows], F)

    return predict


def summed(trees, rows):
    total = np.zeros(len(rows), F)
    for tree in trees:
        total += tree(rows)
    return total


def classifier(x, labels, trees, rate, max_leaves, least_hessian):
    """Log-odds by logistic loss, both labels weighing the same."""
    x, labels = x.astype(F), np.asarray(labels, bool)
    weight = F(np.where(labels, 0.5 * len(labels) / labels.sum(), 0.5 * len(labels) / (~labels).sum()))
    odds, grown = np.zeros(len(x), F), []
    for _ in range(trees):
        p = F(1) / (F(1) + np.exp(-odds))
        grown.append(grow(x, (p - F(labels)) * weight, p * (F(1) - p) * weight, rate, max_leaves, 0, least_hessian))
        odds += grown[-1](x)
    return lambda rows: summed(grown, rows.astype(F)).astype(np.float64)


def normal(x, y, rounds, rate, max_depth, least_rows):
    """Mean and deviation of y: a tree for either, in turn."""
    x = x.astype(F)
    centre, scale = y.mean(), y.std()
    means, logs, grown = np.zeros(len(x), F), np.zeros(len(x), F), []
    ones = np.ones(len(x), F)
    for _ in range(rounds):
        residual = (y - centre) / scale - means
        off = residual / np.maximum(0.01, np.exp(logs.astype(np.float64)))
        pair = (grow(x, F(-residual), ones, rate, 0, max_depth, least_rows),
                grow(x, F(np.maximum(-3, (1 - off ** 2) / 2)), ones, rate, 0, max_depth, least_rows))
        means, logs = means + pair[0](x), logs + pair[1](x)
        grown.append(pair)

    def predict(rows):
        rows = rows.astype(F)
        mean, log = (summed([pair[k] for pair in grown], rows).astype(np.float64) for k in (0, 1))
        return centre + scale * mean, scale * np.maximum(0.01, np.exp(log))

    return predict
