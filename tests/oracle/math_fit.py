#!/usr/bin/env python3
"""Derives the polynomial coefficients of src/kernels/ref/math.h and prints them as C++ hexadecimal floats.

Weighted least squares with Lawson's reweighting, which converges to the minimax fit; target values come from mpmath with
60 digits. The double functions need no fit: they use Taylor and Gregory coefficients, written as fractions in the source.
Needs: numpy, mpmath.
"""
import mpmath
import numpy

mpmath.mp.dps = 60


def minimax(target, weight, low, high, terms, points=2000, rounds=400):
    """Coefficients c[0..terms) so that weight(x)*(sum c[i] x^i - target(x)) has a small maximum over [low, high]."""
    nodes = [low + (high - low) * (1 - mpmath.cos(mpmath.pi * (i + 0.5) / points)) / 2 for i in range(points)]
    x = numpy.array([float(node) for node in nodes])
    y = numpy.array([float(target(node)) for node in nodes])
    w = numpy.array([float(weight(node)) for node in nodes])
    lawson = numpy.ones(points)
    best, best_error = None, numpy.inf
    for _ in range(rounds):
        scale = numpy.sqrt(lawson) * w
        basis = numpy.stack([x**i for i in range(terms)], axis=1)
        c = numpy.linalg.lstsq(basis * scale[:, None], y * scale, rcond=None)[0]
        error = numpy.abs(w * (basis @ c - y))
        if error.max() < best_error:
            best, best_error = c, error.max()
        lawson = lawson * (error / error.max() + 1e-6)
        lawson /= lawson.mean()
    return best, best_error


def c_float(value):
    """The nearest float32 as a C++ hexadecimal literal."""
    value = float(numpy.float32(value))
    mantissa, exponent = value.hex().split("p")
    return mantissa.rstrip("0").rstrip(".") + "p" + exponent + "f"


def show(name, coefficients, error):
    print(f"{name}: maximum relative error of the exact polynomial {error:.3g}")
    for i, c in enumerate(coefficients):
        print(f"  c[{i}] = {c_float(c)}  // {float(numpy.float32(c))!r}")


def main():
    half = mpmath.log(2) / 2 * mpmath.mpf("1.0001")
    # exp(r) = 1 + r + r^2 * c(r)
    show("exp", *minimax(lambda r: (mpmath.expm1(r) - r) / r**2, lambda r: r**2 / mpmath.exp(r), -half, half, 5))
    # tanh(x) = x + x*s*c(s), s = x^2
    limit = mpmath.mpf("0.625") ** 2
    tiny = mpmath.mpf("1e-9")
    root = mpmath.sqrt
    show("tanh", *minimax(lambda s: (mpmath.tanh(root(s)) / root(s) - 1) / s,
                          lambda s: s * root(s) / mpmath.tanh(root(s)), tiny, limit, 5))
    ln2 = mpmath.log(2)
    high = mpmath.mpf(int(ln2 * 2**15)) / 2**15
    print("ln2 float: high", c_float(float(high)), "low", c_float(float(ln2 - high)))
    high = mpmath.mpf(int(ln2 * 2**42)) / 2**42
    print("ln2 double: high", float(high).hex(), "low", float(ln2 - high).hex())
    part, rest = [], mpmath.pi / 2
    for _ in range(3):
        part.append(float(rest))
        rest -= mpmath.mpf(part[-1])
    print("pi/2 double:", " ".join(p.hex() for p in part))
    print("2/pi double:", float(2 / mpmath.pi).hex(), " log2(e) double:", float(1 / ln2).hex(), " float:", c_float(float(1 / ln2)))
    k = 2 * mpmath.sqrt(2 / mpmath.pi)
    print("gelu: 2*sqrt(2/pi)", c_float(float(k)), " times 0.044715", c_float(float(k * mpmath.mpf("0.044715"))))


if __name__ == "__main__":
    main()
