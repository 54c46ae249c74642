// A launch of a kernel, and how its threads take turns.
#pragma once

#include <cstdint>

#include "kernel.h"

namespace pretend {

enum class Order { FORWARD, REVERSE, SHUFFLED };

struct Launch {
  const Kernel *kernel;
  Index grid, block;
  size_t sharedBytes;
  void **arguments;
  Order order = Order::FORWARD;
  uint64_t seed = 1;
  unsigned hostThreads = 1;
  int capability = 80;  // of the device, times 10
};

// Runs the whole grid, and returns when it is done how many barriers its blocks passed.
PRETEND_EXPORT uint64_t runGrid(const Launch &launch);

}  // namespace pretend
