#!/usr/bin/python3
"""Golden logits, loss and gradients of one training step, by PyTorch (python3-torch) in float64.

tests/golden/make_gradients.py > tests/engine/torch_gradients.inc

The first network has every kind of layer; then come the named architectures. Weights, records and labels follow from formulas that tests/engine/torch_test.cc
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


def print_gradients(name, parameters):
    print("// sum, sum of squares, first values")
    print(f"constexpr double {name}[][6] = {{")
    for parameter in parameters:
        g = parameter.grad.flatten()
        first = list(g[:4]) + [0.0] * (4 - len(g[:4]))
        print("    " + row([g.sum(), (g * g).sum(), *first]))
    print("};")


print(f"// Made by tests/golden/make_gradients.py with PyTorch {torch.__version__.split('+')[0]}.")
print(f"constexpr double kLoss = {float(loss):.12g};")
print("constexpr double kLogits[] = " + row(logits.flatten())[:-1] + ";")
print_gradients("kGradients", parameters)


class Network:
    """A named architecture, whose weights are made where they are first used: in miaudit's order of layers."""

    def __init__(self):
        self.parameters = []

    def weight(self, *shape, around=0):
        fan_in = math.prod(shape[1:]) if len(shape) > 1 else 0
        scale = 1.5 / math.sqrt(fan_in) if fan_in else 0.1
        value = filled(shape, 1.3 * len(self.parameters), scale) + around
        self.parameters.append(value.float().double().requires_grad_())
        return self.parameters[-1]

    def dense(self, x, units):
        x = x.flatten(1)
        return F.linear(x, self.weight(units, x.shape[1]), self.weight(units))

    def conv(self, x, units, kernel, stride=1, padding=0, bias=True):
        w = self.weight(units, x.shape[1], kernel, kernel)
        return F.conv2d(x, w, self.weight(units) if bias else None, stride=stride, padding=padding)

    def normed(self, x, units, kernel, stride):
        x = self.conv(x, units, kernel, stride, kernel // 2, bias=False)
        return F.batch_norm(x, None, None, self.weight(units, around=1), self.weight(units), training=True, eps=1e-5)


def two_convolutions(net, x, first, second):
    x = F.max_pool2d(F.relu(net.conv(x, first, 5)), 2)
    x = F.max_pool2d(F.relu(net.conv(x, second, 5)), 2)
    return net.dense(F.relu(net.dense(x, 128)), CLASSES)


def resnet20(net, x):
    x = F.relu(net.normed(x, 16, 3, 1))
    for units in (16, 32, 64):
        for block in range(3):
            stride = 2 if units != 16 and block == 0 else 1
            y = net.normed(F.relu(net.normed(x, units, 3, stride)), units, 3, 1)
            x = F.relu(y + (x if stride == 1 else net.normed(x, units, 1, stride)))
    return net.dense(x.mean((2, 3)), CLASSES)


for name, shape, forward in (
        ("Logistic", (7, 1, 1), lambda net, x: net.dense(x, CLASSES)),
        ("Mlp", (1, 6, 5), lambda net, x: net.dense(F.relu(net.dense(x, 256)), CLASSES)),
        ("CnnSmall", (1, 28, 28), lambda net, x: two_convolutions(net, x, 6, 16)),
        ("Cnn", (1, 28, 28), lambda net, x: two_convolutions(net, x, 16, 32)),
        ("CnnOfColours", (3, 32, 32), lambda net, x: two_convolutions(net, x, 16, 32)),
        ("Resnet20", (3, 8, 8), resnet20)):
    net = Network()
    logits = forward(net, filled((BATCH, *shape), 0.3, 1.0))
    F.cross_entropy(logits, labels, label_smoothing=SMOOTHING).backward()
    print()
    print(f"constexpr double k{name}Logits[] = " + row(logits.flatten())[:-1] + ";")
    print_gradients(f"k{name}Gradients", net.parameters)
