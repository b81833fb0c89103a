#!/usr/bin/python3
"""Golden logits, loss and gradients of one training step, by PyTorch (python3-torch) in float64.

tests/golden/make_gradients.py > tests/engine/torch_gradients.inc

The network has every kind of layer. Weights, records and labels follow from formulas that tests/engine/torch_test.cc
repeats, so that only results stand here: of each parameter's gradient the sum, the sum of squares and the first values.
"""
import math

import torch
import torch.nn.functional as F

BATCH, CLASSES, SMOOTHING = 4, 3, 0.1
torch.set_default_dtype(torch.float64)


def filled(shape, phase, scale):
    size = math.prod(shape)
    return torch.tensor([scale * math.sin(phase + 0.7 * i + 0.01 * i * i) for i in range(size)]).float().double().reshape(shape)


x = filled((BATCH, 2, 9, 8), 0.3, 1.0)
labels = torch.tensor([r % CLASSES for r in range(BATCH)])
shapes = [(5, 2, 3, 3), (5,), (5,), (5,), (5, 5, 3, 3), (5,), (5,), (6, 5, 2, 2), (6,), (7, 24), (7,), (3, 7), (3,)]
parameters = []
for p, shape in enumerate(shapes):
    # The weights of the batch norms lie around 1.
    value = filled(shape, 1.3 * p, 0.3) + (1 if p in (2, 5) else 0)
    parameters.append(value.float().double().requires_grad_())
w1, b1, n1, s1, w2, n2, s2, w3, b3, w4, b4, w5, b5 = parameters

a = F.conv2d(x, w1, b1, stride=1, padding=1)  # 9x8
a = F.relu(F.batch_norm(a, None, None, n1, s1, training=True, eps=1e-5))
b = F.batch_norm(F.conv2d(a, w2, None, padding=1), None, None, n2, s2, training=True, eps=1e-5)
c = F.relu(a + b)
d = F.max_pool2d(c, 2, 2)  # 4x4
e = F.avg_pool2d(F.relu(F.conv2d(d, w3, b3, stride=1, padding=1)), 2, 2)  # 5x5 -> 2x2
h = F.relu(F.linear(e.flatten(1), w4, b4))
logits = F.linear(h, w5, b5)
loss = F.cross_entropy(logits, labels, label_smoothing=SMOOTHING)
loss.backward()


def row(values):
    return "{" + ", ".join(f"{float(v):.9g}" for v in values) + "},"


print(f"// Made by tests/golden/make_gradients.py with PyTorch {torch.__version__.split('+')[0]}.")
print(f"constexpr double kLoss = {float(loss):.12g};")
print("constexpr double kLogits[] = " + row(logits.flatten())[:-1] + ";")
print("// sum, sum of squares, first values")
print("constexpr double kGradients[][6] = {")
for parameter in parameters:
    g = parameter.grad.flatten()
    first = list(g[:4]) + [0.0] * (4 - len(g[:4]))
    print("    " + row([g.sum(), (g * g).sum(), *first]))
print("};")
