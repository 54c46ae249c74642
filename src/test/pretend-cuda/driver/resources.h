// What ptxas said that kernels need.
#pragma once

#include <cstddef>
#include <string>

namespace pretend {

struct Resources {
  unsigned registers = 0;  // of a thread; 0: nothing is known
  size_t stackBytes = 0;
};

// From the tables of kernels/build.sh, in RESOURCES.md beside the kernels' libraries. Of the architectures there, a device
// needs what the best one does that isn't beyond it.
Resources resourcesOf(const std::string &kernel, int capability);

}  // namespace pretend
