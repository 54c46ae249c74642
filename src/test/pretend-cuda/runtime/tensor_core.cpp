// The accumulators of tensor cores, after models that agree with GPUs bit by bit: F. A. Khattak and M. Mikaitis, "Accurate
// Models of NVIDIA Tensor Cores", arXiv 2512.07004; M. Fasi, N. J. Higham, M. Mikaitis and S. Pranesh, "Numerical behavior
// of NVIDIA tensor cores", 2021, of which the T4 is. Products are exact. As many as are added at once are aligned, with the
// sum so far, to the largest exponent among them: a product's is the sum of its factors' exponents, and a subnormal has that
// of the smallest normal number. What lies below the last bit that is kept is cut off, the rest added exactly, and the
// result cut off to float32.
#include "tensor_core.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace pretend {
namespace {

struct Accumulator {
  int terms;    // products that are added at once
  double last;  // the last bit that is kept of a number whose exponent is the largest, as a fraction of its power of two
};

Accumulator accumulatorOf(int capability) {
  if (capability < 80) return {4, 0x1p-23};  // V100, T4
  if (capability < 90) return {8, 0x1p-24};  // A100, Ada
  return {16, 0x1p-25};                      // H100, B200
}

// 2 to a number's exponent, or less than that of any other for 0.
double power(double value, double leastNormal) {
  if (value == 0) return 0x1p-300;
  return std::max(leastNormal, std::bit_cast<double>(std::bit_cast<uint64_t>(value) & 0x7ff0000000000000));
}

float cutOff(double value) {
  const float nearest = static_cast<float>(value);
  const bool further = std::abs(static_cast<double>(nearest)) > std::abs(value) && std::abs(value) < 0x1p128;
  return further ? std::bit_cast<float>(std::bit_cast<uint32_t>(nearest) - 1) : nearest;
}

// One number for each column of a tile.
using Row = double[8];

void add(float (&sums)[8], const Row *products, const Row *powers, int terms, double last) {
  Row exact, largest, kept, units;
  for (int column = 0; column < 8; column++) {
    exact[column] = sums[column];
    largest[column] = power(sums[column], 0x1p-126);
  }
  for (int i = 0; i < terms; i++) {
    for (int column = 0; column < 8; column++) {
      exact[column] += products[i][column];
      largest[column] = std::max(largest[column], powers[i][column]);
    }
  }
  for (int column = 0; column < 8; column++) {
    units[column] = 1 / (largest[column] * last);
    kept[column] = static_cast<int>(sums[column] * units[column]);
  }
  for (int i = 0; i < terms; i++) {
    for (int column = 0; column < 8; column++) kept[column] += static_cast<int>(products[i][column] * units[column]);
  }
  for (int column = 0; column < 8; column++) {
    const float result = cutOff(kept[column] * (largest[column] * last));
    const float infinite = std::isnan(exact[column]) ? std::bit_cast<float>(0x7fffffff) : static_cast<float>(exact[column]);
    sums[column] = std::isfinite(exact[column]) ? result : infinite;
  }
}

}  // namespace

void multiplyTile(Tile &tile, int k, double leastNormal) {
  const Accumulator accumulator = accumulatorOf(thread->capability);
  const int terms = std::min(k, accumulator.terms);
  Row powersOfB[16];
  for (int inner = 0; inner < k; inner++) {
    for (int column = 0; column < 8; column++) powersOfB[inner][column] = power(tile.b[inner][column], leastNormal);
  }
  for (int row = 0; row < 16; row++) {
    Row products[16], powers[16];
    for (int inner = 0; inner < k; inner++) {
      const double a = tile.a[row][inner], powerOfA = power(a, leastNormal);
      for (int column = 0; column < 8; column++) {
        products[inner][column] = a * tile.b[inner][column];
        powers[inner][column] = powerOfA * powersOfB[inner][column];
      }
    }
    for (int first = 0; first < k; first += terms) add(tile.d[row], products + first, powers + first, terms, accumulator.last);
  }
}

}  // namespace pretend
