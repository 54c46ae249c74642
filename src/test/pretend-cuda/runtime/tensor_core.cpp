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

// 2 to a number's exponent; 0 has none.
double power(double value, double leastNormal) {
  if (value == 0) return 0;
  return std::max(leastNormal, std::bit_cast<double>(std::bit_cast<uint64_t>(value) & 0x7ff0000000000000));
}

float cutOff(double value) {
  const float nearest = static_cast<float>(value);
  const bool further = std::abs(static_cast<double>(nearest)) > std::abs(value) && std::abs(value) < 0x1p128;
  return further ? std::bit_cast<float>(std::bit_cast<uint32_t>(nearest) - 1) : nearest;
}

float add(float sum, const double *products, const double *powers, int terms, double last) {
  double exact = sum, largest = power(sum, 0x1p-126);
  for (int i = 0; i < terms; i++) {
    exact += products[i];
    largest = std::max(largest, powers[i]);
  }
  if (std::isnan(exact)) return std::bit_cast<float>(0x7fffffff);
  if (std::isinf(exact) || largest == 0) return static_cast<float>(exact);
  const double unit = largest * last, units = 1 / unit;
  int64_t kept = static_cast<int>(sum * units);
  for (int i = 0; i < terms; i++) kept += static_cast<int>(products[i] * units);
  return cutOff(static_cast<double>(kept) * unit);
}

}  // namespace

void multiplyTile(Tile &tile, int k, double leastNormal) {
  const Accumulator accumulator = accumulatorOf(thread->capability);
  double powersA[16][16], powersB[8][16];
  for (int inner = 0; inner < k; inner++) {
    for (int row = 0; row < 16; row++) powersA[row][inner] = power(tile.a[row][inner], leastNormal);
    for (int column = 0; column < 8; column++) powersB[column][inner] = power(tile.b[column][inner], leastNormal);
  }
  for (int row = 0; row < 16; row++) {
    for (int column = 0; column < 8; column++) {
      double products[16], powers[16];
      for (int inner = 0; inner < k; inner++) {
        products[inner] = static_cast<double>(tile.a[row][inner]) * tile.b[column][inner];
        powers[inner] = powersA[row][inner] * powersB[column][inner];
      }
      float &sum = tile.d[row][column];
      for (int first = 0; first < k; first += accumulator.terms) {
        sum = add(sum, products + first, powers + first, std::min(k, accumulator.terms), accumulator.last);
      }
    }
  }
}

}  // namespace pretend
