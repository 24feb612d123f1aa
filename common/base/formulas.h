// Scalar formulas, each written once for host and device.
#pragma once
#include <bit>
#include <cmath>
#include <cstdint>

#ifdef __CUDACC__
#define SHARD_HOST_DEVICE __host__ __device__
#else
#define SHARD_HOST_DEVICE
#endif

namespace shard {

constexpr double sqrt_2_over_pi = 0.79788456080286535588;  // √(2/π), in GeLU's tanh form
constexpr double gelu_cubic = 0.044715;                    // its factor of x³

/// σ(2z), z = √(2/π)·(x + 0.044715·x³): (1 + tanh(z))/2, but with exp, which is faster than tanh.
template <class T>
SHARD_HOST_DEVICE inline T gelu_gate(T x) {
  const T z = T(sqrt_2_over_pi) * (x + T(gelu_cubic) * x * x * x);
  return T(1) / (T(1) + std::exp(T(-2) * z));
}

/// GeLU, tanh form, as in GPT-2: x/2 · (1 + tanh(√(2/π)·(x + 0.044715·x³))).
/// Hendrycks and Gimpel, "Gaussian error linear units", arXiv:1606.08415, section 2.
template <class T>
SHARD_HOST_DEVICE inline T gelu(T x) {
  return x * gelu_gate(x);
}

/// GeLU and its derivative.
template <class T>
struct Gelu {
  T value, derivative;
};

/// gelu(x), and d gelu(x) / dx = g + x · g·(1 - g) · 2·√(2/π)·(1 + 3·0.044715·x²), where g is the
/// gate above.
template <class T>
SHARD_HOST_DEVICE inline Gelu<T> gelu_and_derivative(T x) {
  const T g = gelu_gate(x);
  return {x * g,
          g + x * g * (T(1) - g) * T(2 * sqrt_2_over_pi) * (T(1) + T(3 * gelu_cubic) * x * x)};
}

template <class T>
SHARD_HOST_DEVICE inline T gelu_derivative(T x) {
  return gelu_and_derivative(x).derivative;
}

/// Whether x is neither infinite nor NaN. Tests its bits, so that it also works with
/// -ffast-math.
SHARD_HOST_DEVICE inline bool is_finite(float x) {
  constexpr uint32_t exponent = 0x7F800000u;
  return (std::bit_cast<uint32_t>(x) & exponent) != exponent;
}

/// Hyper-parameters of AdamW, and the number of the step, from 1.
struct AdamW {
  float learning_rate = 1e-3f;         // η
  float beta1 = 0.9f, beta2 = 0.999f;  // decay rates of the moments: β₁ of m, β₂ of v
  float epsilon = 1e-8f;               // ε, avoids a division by 0
  float weight_decay = 0.0f;           // λ
  int64_t step = 1;                    // for the bias correction of the moments
};

/// One element of AdamW (Loshchilov and Hutter, arXiv:1711.05101, algorithm 2, with decay scaled by
/// the learning rate):  w ← w - η·λ·w;  m ← β₁m + (1-β₁)g;  v ← β₂v + (1-β₂)g²;
/// w ← w - η·(m/c₁) / (√(v/c₂) + ε),  cᵢ = 1 - βᵢ^step.
SHARD_HOST_DEVICE inline void adamw_update(float& w, float& m, float& v, float gradient,
                                           const AdamW& a, float c1, float c2) {
  w -= a.learning_rate * a.weight_decay * w;
  m = a.beta1 * m + (1.0f - a.beta1) * gradient;
  v = a.beta2 * v + (1.0f - a.beta2) * gradient * gradient;
  w -= a.learning_rate * (m / c1) / (std::sqrt(v / c2) + a.epsilon);
}

}  // namespace shard
