// Where a library's __shared__ variables are.
#pragma once

#include "kernel.h"

namespace pretend {

struct SharedVariables {
  char *start;
  size_t bytes;
};

// Returns this host thread's copy of the shared variables of a kernel's library: all that it keeps for a host thread.
SharedVariables sharedVariables(const Kernel &kernel);

}  // namespace pretend
