// A compiled kernel as the runtime knows it: found by its name, called with the driver's array of argument addresses.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "thread.h"

namespace pretend {

struct Parameter {
  size_t bytes, alignment;
  bool floating;
  size_t pointee;  // the alignment of what a pointer points to, 0 where the parameter is none
};

struct Kernel {
  std::string name;
  void (*call)(void **arguments);
  std::vector<Parameter> parameters;
  void *(*shared)();  // an address in this host thread's copy of the library's shared variables
};

// Called by a library of kernels when it is loaded. What a library keeps for each host thread are its kernels' shared
// variables and nothing else.
PRETEND_EXPORT void registerKernels(const Kernel *kernels, size_t count);

// The directory of the kernels' libraries beside the runtime.
std::string besideRuntime();

// Loads all kernels compiled for this architecture (75, 80), or for any, from a directory: NAME.sm_75.so, NAME.so. The
// default is the one beside the runtime. Ends the process if there are none.
PRETEND_EXPORT void loadKernels(int architecture, const char *directory = nullptr);

// Finds the kernels in a directory's libraries instead of others of their names, whatever the architecture; null: no more.
// Only while no module is loaded, and never twice a library of the same path.
PRETEND_EXPORT void replaceKernels(const char *directory);

// Returns the kernel, or null.
PRETEND_EXPORT const Kernel *findKernel(int architecture, const std::string &name);

}  // namespace pretend
