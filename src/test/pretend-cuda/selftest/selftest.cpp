// Runs the kernels of this directory without the driver: selftest CASE. Ends with 0 where all is as it should be; the
// cases refused-N are to end with a message.
#include <bit>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "harness.h"

using pretend::Harness;
using pretend::Order;

namespace {

constexpr Order ORDERS[] = {Order::FORWARD, Order::REVERSE, Order::SHUFFLED};

void expect(bool holds, const char *what) {
  if (holds) return;
  fprintf(stderr, "not as expected: %s\n", what);
  exit(1);
}

void basics(Harness &harness) {
  std::vector<unsigned> in(1000), sums(4);
  for (unsigned i = 0; i < in.size(); i++) in[i] = i * 7;
  harness.run("block_sum_u32", {4}, {256}, 0, in.data(), sums.data(), 1000);
  for (unsigned block = 0; block < 4; block++) {
    unsigned sum = 0;
    for (unsigned i = block * 256; i < in.size() && i < (block + 1) * 256; i++) sum += in[i];
    expect(sums[block] == sum, "block_sum_u32");
  }
  std::vector<float> floats(99), scaled(99);
  for (int i = 0; i < 99; i++) floats[i] = static_cast<float>(i);
  harness.run("reverse_scaled_f32", {4}, {32}, 32 * sizeof(float), floats.data(), scaled.data(), 2.0f, 99LL);
  for (int i = 0; i < 99; i++) expect(scaled[i] == 2.0f * static_cast<float>(i), "reverse_scaled_f32");
}

void warps(Harness &harness) {
  constexpr int RESULTS = 10, THREADS = 70;
  std::vector<unsigned> out(2 * THREADS * RESULTS);
  harness.run("warps_u32", {2}, {THREADS}, 0, out.data());
  for (unsigned i = 0; i < 2 * THREADS; i++) {
    const unsigned *results = &out[i * RESULTS], lane = i % THREADS % 32;
    // The third warp has 6 lanes.
    const unsigned there = i % THREADS >= 64 ? 0x3f : 0xffffffff, half = (lane < 16 ? 0x0000ffffu : 0xffff0000u);
    const auto value = [=](unsigned source) { return there >> source & 1 ? source : 0xa5a5a5a5; };
    expect(results[0] == value((lane & 24) + 5), "__shfl_sync with a width");
    const unsigned neighbour = lane < 16 ? (lane % 8 + 3 < 8 ? lane + 3 : lane) : (lane % 4 >= 3 ? lane - 3 : lane);
    expect(results[1] == value(neighbour), "__shfl_down_sync and __shfl_up_sync of half a warp");
    expect(results[2] == value(lane ^ 7), "__shfl_xor_sync");
    unsigned thirds = 0, same = 0;
    for (unsigned other = 0; other < 32; other++) {
      thirds |= (other % 3 == 0) << other;
      same |= (other / 5 == lane / 5) << other;
    }
    expect(results[3] == (thirds & half & there), "__ballot_sync of half a warp");
    expect(results[4] == (same & there), "__match_any_sync");
    expect(results[5] == (lane < 16 ? 0u : 3u), "__any_sync and __all_sync");
    expect(results[6] == 3, "__syncthreads_count");
    if (lane >= 30) continue;
    expect(results[7] == (0x3fffffff & there), "__ballot_sync without lanes that have ended");
    expect(results[8] == (there == 0x3f ? 0xa5a5a5u : 1u), "__shfl_sync of 64 bits");
    expect(results[9] == 0xa5a5a5a5, "__shfl_sync from a lane that has ended");
  }
}

void atomics(Harness &harness) {
  std::vector<unsigned> values(10001), bins(16);
  unsigned long long sum = 0, expected = 0;
  for (size_t i = 0; i < values.size(); i++) expected += values[i] = static_cast<unsigned>(i * 2654435761u);
  harness.hostThreads = 2;
  harness.run("histogram_u32", {101}, {100}, 0, values.data(), bins.data(), &sum, 10001LL);
  expect(sum == expected, "atomicAdd of 64 bits");
  for (unsigned bin = 0; bin < 16; bin++) expect(bins[bin] == (bin == 0 ? 626u : 625u), "atomicAdd in shared memory");
}

void garbage(Harness &harness) {
  std::vector<unsigned> out(3 * 64);
  harness.run("uninitialized_u32", {3}, {32}, 32 * sizeof(unsigned), out.data());
  for (unsigned i = 0; i < 64; i++) {
    expect(out[i] != 0 && out[i] != out[64 + i] && out[64 + i] != out[128 + i], "other garbage in each block");
  }
}

uint16_t toF16(float value) {
  const _Float16 half = static_cast<_Float16>(value);
  uint16_t bits;
  memcpy(&bits, &half, sizeof bits);
  return bits;
}

void products(Harness &harness) {
  alignas(16) uint16_t a[256], b[128];
  float floatsA[256], floatsB[128], d[128], expected[128];
  for (int i = 0; i < 256; i++) a[i] = toF16(floatsA[i] = static_cast<float>(i * 37 % 41 - 20));
  for (int i = 0; i < 128; i++) b[i] = toF16(floatsB[i] = static_cast<float>(i * 29 % 31) / 8 - 1);
  for (int i = 0; i < 128; i++) {
    expected[i] = d[i] = static_cast<float>(i);
    for (int k = 0; k < 16; k++) expected[i] += floatsA[i / 8 * 16 + k] * floatsB[k * 8 + i % 8];
  }
  harness.run("product_f16", {1}, {32}, 0, a, b, d);
  expect(memcmp(d, expected, sizeof d) == 0, "product_f16");
}

// A sum that products are added to, by their factors, and what the tensor cores of a T4, an A100 and an H100 make of it.
struct Sum {
  float before;
  std::vector<std::pair<float, float>> factors;
  float t4, a100, h100;
};

Sum repeated(float before, int count, float a, float b, float last, float t4, float a100, float h100) {
  Sum sum{before, std::vector(count, std::pair(a, b)), t4, a100, h100};
  sum.factors.emplace_back(last, 1.0f);
  return sum;
}

Sum everywhere(float before, std::vector<std::pair<float, float>> factors, float result) {
  return {before, std::move(factors), result, result, result};
}

constexpr float UNIT = 0x1p-23f, INFINITE = std::numeric_limits<float>::infinity();
const float NOTHING = std::bit_cast<float>(0x7fffffff);

const Sum SUMS[] = {
    // Terms that are small beside the sum, or beside one among those that are added at once.
    repeated(1, 4, 0x1p-12, 0x1p-12, 0, 1, 1 + 2 * UNIT, 1 + 2 * UNIT),
    repeated(1, 8, 0x1p-12, 0x1p-13, 0, 1, 1, 1 + 2 * UNIT),
    repeated(0, 2, 0x1p-12, 0x1p-12, 1, 1, 1 + UNIT, 1 + UNIT),
    repeated(0, 4, 0x1p-12, 0x1p-13, 1, 1 + UNIT, 1, 1 + UNIT),
    repeated(0, 8, 0x1p-13, 0x1p-13, 1, 1 + UNIT, 1 + UNIT, 1),
    repeated(1, 1, 0x1p-12, 0x1p-12, -1, 0, 0x1p-24, 0x1p-24),
    // Results are cut off too, towards zero.
    everywhere(1, {{1.5f, UNIT}}, 1 + UNIT),
    everywhere(-1, {{-1.5f, UNIT}}, -1 - UNIT),
    // A product has its factors' exponents, be it 2 or more.
    everywhere(0, {{1.5f, 1.5f}, {0x1p-11, 0x1p-12}, {1.5f, -1.5f}}, UNIT),
    everywhere(INFINITE, {{1, 1}}, INFINITE),
    everywhere(0, {{INFINITE, 1}, {1, -INFINITE}}, NOTHING),
    everywhere(0, {{INFINITE, 0}}, NOTHING),
    // A subnormal has the exponent of the smallest normal number.
    {0, {{0x1p-24, 1}, {0x1p-24, 0x1p-14}}, 0x1p-24, 0x1p-24 + 0x1p-38, 0x1p-24 + 0x1p-38},
};

void accumulators(Harness &harness) {
  for (const Sum &sum : SUMS) {
    alignas(16) uint16_t a[256] = {}, b[128] = {};
    float d[128] = {sum.before};
    for (size_t k = 0; k < sum.factors.size(); k++) {
      a[k] = toF16(sum.factors[k].first);
      b[k * 8] = toF16(sum.factors[k].second);
    }
    harness.run("product_f16", {1}, {32}, 0, a, b, d);
    const float expected = harness.capability < 80 ? sum.t4 : harness.capability < 90 ? sum.a100 : sum.h100;
    if (memcmp(d, &expected, sizeof expected) == 0) continue;
    fprintf(stderr, "sum %td, on %d: %a, not %a\n", &sum - SUMS, harness.capability, d[0], expected);
    exit(1);
  }
}

void orders(Harness &harness) {
  std::vector<unsigned> results;
  for (Order order : ORDERS) {
    harness.order = order;
    std::vector<unsigned> out(128);
    harness.run("racy_u32", {1}, {128}, 0, out.data());
    results.push_back(out[0]);
  }
  expect(results[0] == 127 && results[1] == 0, "the last thread of an order comes last");
  expect(results[2] != 127 && results[2] != 0, "a shuffled order is neither");
}

void refused(Harness &harness, int what) {
  // Threads that a message can name, and buffers of just the size.
  const std::unique_ptr<unsigned char[]> in(new unsigned char[what == 4 ? 1024 : 100]());
  const std::unique_ptr<unsigned[]> out(new unsigned[64]());
  harness.run("refused", {1}, {64}, 0, what, in.get(), out.get());
}

}  // namespace

int main(int, char **arguments) {
  const std::string name = arguments[1];
  for (int capability : {75, 80, 86, 90}) {
    for (Order order : ORDERS) {
      Harness harness(capability);
      harness.order = order;
      if (name == "basics") basics(harness);
      if (name == "warps") warps(harness);
      if (name == "atomics") atomics(harness);
      if (name == "garbage") garbage(harness);
      if (name == "orders") orders(harness);
      if (name == "products") products(harness);
      if (name == "accumulators") accumulators(harness);
    }
  }
  if (name.rfind("refused-", 0) == 0) {
    Harness harness;
    refused(harness, atoi(name.c_str() + 8));
  }
}
