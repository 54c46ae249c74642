// What the programs that check the forward kernels have in common: memory as small as the kernels' contract allows, random
// numbers, comparisons, launches in any order of the threads.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "harness.h"

namespace {

std::mt19937_64 generator;
std::map<std::string, int> launches;
int failures = 0;

size_t below(size_t limit) { return generator() % limit; }

float normal() { return std::normal_distribution<float>(0, 1)(generator); }

// Memory of just the size that ends where malloc's does. Float32 tensors may start at any multiple of 4 bytes.
template <class T>
class Buffer {
 public:
  explicit Buffer(size_t count, bool anywhere = false)
      : count(count), offset(anywhere ? below(4) * 4 : 0), memory(static_cast<char *>(malloc(offset + count * sizeof(T)))) {
    memset(memory, 0xff, offset + count * sizeof(T));
  }
  Buffer(const Buffer &) = delete;
  ~Buffer() { free(memory); }

  T *get() { return reinterpret_cast<T *>(memory + offset); }
  T &operator[](size_t index) { return get()[index]; }
  size_t size() const { return count; }

  Buffer &fill(const std::function<T()> &value) {
    for (size_t i = 0; i < count; i++) get()[i] = value();
    return *this;
  }

 private:
  size_t count, offset;
  char *memory;
};

// A size, small more often than not.
int size(int usual) { return 1 + static_cast<int>(below(below(3) ? usual / 3 : usual)); }

void check(const std::string &kernel, double found, double expected, double magnitude) {
  if (std::abs(found - expected) <= 1e-4 * magnitude + 1e-6) return;
  if (failures++ < 20) printf("%s: expected %g, found %g\n", kernel.c_str(), expected, found);
}

unsigned rowThreads(int columns, unsigned most) {
  return std::clamp((static_cast<unsigned>(columns) + 127) / 128 * 32, 32u, most);
}

// Launches a kernel and returns how many barriers its blocks passed.
template <class... A>
uint64_t run(pretend::Harness &harness, const std::string &name, pretend::Index grid, unsigned threads, size_t shared,
         A... arguments) {
  launches[name]++;
  harness.order = static_cast<pretend::Order>(below(3));
  harness.seed = generator();
  return harness.run(name.c_str(), grid, {threads, 1, 1}, shared, arguments...);
}

// Runs checks in rounds on each architecture's code, for main's arguments, and says what was launched.
template <class Checks>
int runChecks(int argumentCount, char **arguments, Checks checks) {
  const int rounds = argumentCount > 1 ? atoi(arguments[1]) : 50;
  generator.seed(argumentCount > 2 ? static_cast<uint64_t>(atoll(arguments[2])) : 1);
  for (int architecture : {75, 80}) {
    pretend::Harness harness(architecture);
    for (int round = 0; round < rounds; round++) checks(harness);
  }
  for (const auto &[name, count] : launches) printf("%6d %s\n", count, name.c_str());
  printf("%d failures\n", failures);
  return failures == 0 ? 0 : 1;
}

}  // namespace
