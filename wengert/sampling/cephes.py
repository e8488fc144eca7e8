"""Coefficients of the Cephes library, with which PyTorch computes its float32 normal numbers.

logf: log(1 + x) = x - x**2 / 2 + x**3 * P(x) for sqrt(1/2) <= 1 + x < sqrt(2); LN2_HIGH + LN2_LOW = log(2).

sinf and cosf: sin(x) = x + x**3 * S(x**2) and cos(x) = 1 - x**2 / 2 + x**4 * C(x**2) for |x| <= pi/4; the three parts
of pi/4, from the first on, are short, so that small multiples of the first two are exact.
"""

import math

import numpy as np

LOG_POLYNOMIAL = (
    7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1, -1.6668057665e-1,
    2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1,
)
LN2_HIGH, LN2_LOW = np.float32(0.693359375), np.float32(-2.12194440e-4)
SQRT_HALF_BITS = np.int32(0x3F3504F3)

SINE_POLYNOMIAL = (-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1)
COSINE_POLYNOMIAL = (2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2)
QUARTER_PI = (np.float32(0.78515625), np.float32(2.4187564849853515625e-4), np.float32(3.77489497744594108e-8))
FOUR_OVER_PI = np.float32(1.27323954473516)
TWO_PI = np.float32(2.0 * math.pi)
