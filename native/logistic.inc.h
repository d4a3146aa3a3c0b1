// The logistic function and tanh, to a few roundings.

// bounded is x between -limit and limit, and NaN of NaN.
INLINE vf bounded(vf x, float limit) {
  vf below = where(x > limit, splat(limit), x);
  return where(below < -limit, splat(-limit), below);
}

// exponential gives a and b with exp(x) = b + a b, where b is a power of two and
// a is small and exact to rounding: x is between -87 and 87. The polynomial is
// (exp(r) - 1 - r) / r^2 between -ln(2)/2 and ln(2)/2 to 3e-9.
INLINE vf exponential(vf x, vf *b) {
  const float shift = 0x1.8p23f; // makes the integer part the lowest bits
  vf n = x * 1.44269504f + shift;
  *b = (vf)(((vi)n << 23) + 0x3f800000);
  n -= shift;
  vf r = x - n * 0.693359375f + n * 2.12194440e-4f;
  vf p = 0.00139416533f + r * 0.000198459573f;
  p = 0.00833339151f + r * p;
  p = 0.0416663475f + r * p;
  p = 0.166666657f + r * p;
  p = 0.5f + r * p;
  return r + r * r * p;
}

INLINE vf logistic(vf x) {
  vf b, a = exponential(bounded(-x, 87), &b);
  return 1.f / (1.f + (b + b * a));
}

// hyperbolic is tanh(x), by exp(2x) - 1, which keeps the precision of small x.
INLINE vf hyperbolic(vf x) {
  vf b, a = exponential(bounded(2.f * x, 20), &b);
  vf u = b * a + (b - 1.f);
  return u / (u + 2.f);
}
