"""Attacks by formula with reference models, stated in NumPy one record at a time."""
import math

import numpy as np

from harness import log_softmax


def signals(outputs, labels):
    """loss and rescaled logit, [models][records][queries]"""
    classes = outputs.shape[-1]
    shape = outputs.shape[:-1]
    y = np.broadcast_to(labels[None, :, None], shape).reshape(-1)
    z = outputs.astype(np.float64).reshape(-1, classes)
    loss = -log_softmax(z)[np.arange(len(y)), y]
    rest = z.copy()
    rest[np.arange(len(y)), y] = -np.inf
    top = rest.max(1)
    scaled = z[np.arange(len(y)), y] - top - np.log(np.exp(rest - top[:, None]).sum(1))
    return loss.reshape(shape), scaled.reshape(shape)


def log_normal(x, mean, variance):
    return -0.5 * np.log(2 * np.pi * variance) - (x - mean) ** 2 / (2 * variance)


def log_survival(x):
    return math.log(math.erfc(x / math.sqrt(2)) / 2)


def log_student(x, degrees, location, scale):
    return (math.lgamma((degrees + 1) / 2) - math.lgamma(degrees / 2) - 0.5 * math.log(degrees * math.pi)
            - math.log(scale) - (degrees + 1) / 2 * math.log(1 + ((x - location) / scale) ** 2 / degrees))


class Reference:
    """Everything about one target, in the plainest form. Models 2p and 2p + 1 are partners; the first `audited` records are
    what the audit is about, the others its population."""

    def __init__(self, outputs, membership, labels, target, audited):
        self.loss, self.scaled = signals(outputs, labels)
        self.membership, self.labels, self.target, self.audited = membership, labels, target, audited
        self.others = [m for m in range(len(outputs)) if m // 2 != target // 2]
        self.queries = outputs.shape[2]

    def side(self, values, i, q, side):
        return np.array([values[m, i, q] for m in self.others if self.membership[m, i] == side])

    def sides(self, values, side):
        return np.array([[self.side(values, i, q, side) for q in range(self.queries)] for i in range(self.audited)])

    def mean(self, score):
        return np.array([np.mean([score(i, q) for q in range(self.queries)]) for i in range(self.audited)])

    def of_losses(self):
        t = self.target
        out = lambda i, q: self.side(self.loss, i, q, False)
        in_ = lambda i, q: self.side(self.loss, i, q, True)
        return {
            "reference": self.mean(lambda i, q: np.mean(out(i, q) >= self.loss[t, i, q])),
            "calibrated_loss": self.mean(lambda i, q: out(i, q).mean() - self.loss[t, i, q]),
            "malt": self.mean(lambda i, q: (in_(i, q).mean() + out(i, q).mean()) / 2 - self.loss[t, i, q]),
            "base": self.mean(lambda i, q: -self.loss[t, i, q] - np.log(
                (np.exp(-in_(i, q)).mean() + np.exp(-out(i, q)).mean()) / 2)),
            "base_offline": self.mean(lambda i, q: -self.loss[t, i, q] - 0.33 * np.log(np.exp(-out(i, q)).mean())),
        }

    def rmia(self, online, gamma=1.0, a=0.3):
        t = self.target
        ratio = np.empty((len(self.labels), self.queries))
        for i in range(len(self.labels)):
            for q in range(self.queries):
                p = np.exp(-self.loss[self.others, i, q])
                seen = self.membership[self.others, i]
                if not online:
                    mean = 0.5 * ((1 + a) * p[~seen].mean() + 1 - a)
                else:
                    mean = p.mean() if i >= self.audited else (p[seen].mean() + p[~seen].mean()) / 2
                ratio[i, q] = np.exp(-self.loss[t, i, q]) / mean
        z = ratio[self.audited:] if self.audited < len(self.labels) else ratio
        votes = (ratio[:self.audited, None, :] >= gamma * z[None, :, :]).sum(2)
        return (2 * votes > self.queries).mean(1)

    def lira(self, variance, median=False):
        t, centre = self.target, np.median if median else np.mean
        in_, out = self.sides(self.scaled, True), self.sides(self.scaled, False)
        pooled = [np.mean((x - x.mean(2, keepdims=True)) ** 2) for x in (in_, out)]
        own = variance == "per_sample"

        def online(i, q):
            s = self.scaled[t, i, q]
            v = [in_[i, q].var(), out[i, q].var()] if own else pooled
            return log_normal(s, centre(in_[i, q]), v[0]) - log_normal(s, centre(out[i, q]), v[1])

        def offline(i, q):
            v = out[i, q].var() if own else pooled[1]
            return -log_survival((self.scaled[t, i, q] - centre(out[i, q])) / math.sqrt(v))

        return {"lira": self.mean(online), "lira_offline": self.mean(offline)}

    def joint(self, own):
        t = self.target
        sides = [self.sides(self.scaled, side) for side in (True, False)]
        residuals = [x - x.mean(2, keepdims=True) for x in sides]
        pooled = [np.einsum("iqm,irm->qr", r, r) / (r.shape[0] * r.shape[2]) for r in residuals]

        def score(i):
            value = 0
            for c, sign in ((0, 1), (1, -1)):
                cov = residuals[c][i] @ residuals[c][i].T / residuals[c].shape[2] if own else pooled[c]
                cov = cov + 1e-9 * np.trace(cov) / len(cov) * np.eye(len(cov))
                d = self.scaled[t, i] - sides[c][i].mean(1)
                value += sign * -0.5 * (d @ np.linalg.solve(cov, d) + np.linalg.slogdet(cov)[1])
            return value

        return np.array([score(i) for i in range(self.audited)])

    def carlini(self, fixed):
        """The released code: medians, lists of one length, one deviation of all IN values where it is fixed."""
        t = self.target
        in_, out = self.sides(self.scaled, True), self.sides(self.scaled, False)

        def online(i, q):
            s = self.scaled[t, i, q]
            d = [in_.std(), in_.std()] if fixed else [in_[i, q].std(), out[i, q].std()]
            return (log_normal(s, np.median(in_[i, q]), (d[0] + 1e-30) ** 2)
                    - log_normal(s, np.median(out[i, q]), (d[1] + 1e-30) ** 2))

        def offline(i, q):
            d = out.std() if fixed else out[i, q].std()
            return -log_normal(self.scaled[t, i, q], np.median(out[i, q]), (d + 1e-30) ** 2)

        return {"lira": self.mean(online), "lira_offline": self.mean(offline)}

    def bavaria(self, student, offline):
        t = self.target
        sides = [self.sides(self.scaled, True), self.sides(self.scaled, False)]
        alpha0 = 2 if student else 1

        def log_density(c, i, q):
            prior_mean, variance = sides[c].mean(), sides[c].var()
            beta0 = variance * (alpha0 - 1) if alpha0 > 1 else variance
            x = np.empty(0) if offline and c == 0 else sides[c][i, q]
            n, s = len(x), self.scaled[t, i, q]
            mean = x.mean() if n else prior_mean
            kappa, alpha = 1 + n, alpha0 + n / 2
            beta = beta0 + 0.5 * ((x - mean) ** 2).sum() + 0.5 * n * (mean - prior_mean) ** 2 / kappa
            if not student:
                return log_normal(s, mean, beta / (alpha - 1) if alpha > 1 else beta)
            return log_student(s, 2 * alpha, (prior_mean + x.sum()) / kappa,
                               math.sqrt(beta * (kappa + 1) / (alpha * kappa)))

        return self.mean(lambda i, q: log_density(0, i, q) - log_density(1, i, q))

    def pmia(self, proxies):
        t = self.target
        in_, out = self.sides(self.scaled, True), self.sides(self.scaled, False)
        pooled = np.mean((out - out.mean(2, keepdims=True)) ** 2)
        centres = out.mean(2)

        def score(i, q):
            if proxies == "class":
                who = [j for j in range(self.audited) if self.labels[j] == self.labels[i] and j != i]
            elif proxies == "global":
                who = [j for j in range(self.audited) if j != i]
            else:
                order = np.argsort(np.abs(centres[:, q] - centres[i, q]), kind="stable")
                who = [j for j in order if j != i][:50]
            x = in_[who, q]
            s = self.scaled[t, i, q]
            return log_normal(s, x.mean(), x.var()) - log_normal(s, centres[i, q], pooled)

        return self.mean(score)

    def all(self):
        scores = self.of_losses() | self.lira("pooled")
        scores["rmia"], scores["rmia_offline"] = self.rmia(True), self.rmia(False)
        for student in (False, True):
            for offline in (False, True):
                name = f"bavaria_{'t' if student else 'n'}{'_offline' if offline else ''}"
                scores[name] = self.bavaria(student, offline)
        scores["pmia"] = self.pmia("nearest")
        return scores
