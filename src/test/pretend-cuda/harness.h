// Runs kernels from a plain C++ program, without the driver: build.sh OUT --program TEST.cpp links it.
//
//   pretend::Harness harness;                                  // of capability 8.0; or Harness(75), Harness(90)
//   harness.run("select_rows_f32", {rows}, {256}, 0, source, norms, columns);
//
// Arguments have to be of the kernel's parameters' sizes (cast integers to int or long long).
#pragma once

#include <type_traits>

#include "runtime/kernel.h"
#include "runtime/launch.h"

namespace pretend {

class Harness {
 public:
  // A device of a compute capability, times 10: from 80 on it gets the code for sm_80.
  explicit Harness(int capability = 80) : capability(capability), architecture(capability < 80 ? 75 : 80) {
    loadKernels(architecture);
  }

  const int capability, architecture;
  Order order = Order::FORWARD;
  uint64_t seed = 1;
  unsigned hostThreads = 1;

  // Launches a kernel, waits for it and returns how many barriers its blocks passed.
  template <class... A>
  uint64_t run(const char *name, Index grid, Index block, size_t sharedBytes, A... arguments) const {
    const Kernel *kernel = findKernel(architecture, name);
    if (!kernel) refuse("no kernel %s", name);
    if (block.x * block.y * block.z > 1024) refuse("%s with %u threads", name, block.x * block.y * block.z);
    if (sharedBytes > (architecture == 75 ? 64 : 163) << 10) refuse("%s with %zu shared bytes", name, sharedBytes);
    const Parameter given[] = {describe<A>()..., Parameter{}};
    if (kernel->parameters.size() != sizeof...(A)) {
      refuse("%s takes %zu arguments, not %zu", name, kernel->parameters.size(), sizeof...(A));
    }
    for (size_t i = 0; i < sizeof...(A); i++) {
      const Parameter &wanted = kernel->parameters[i];
      if (wanted.bytes != given[i].bytes || wanted.floating != given[i].floating ||
          (wanted.pointee != 0) != (given[i].pointee != 0)) {
        refuse("argument %zu of %s is of another type", i, name);
      }
    }
    void *addresses[] = {&arguments..., nullptr};
    Launch launch{kernel, grid, block, sharedBytes, addresses, order, seed, hostThreads, capability};
    return runGrid(launch);
  }

 private:
  template <class T>
  static Parameter describe() {
    constexpr bool pointer = std::is_pointer_v<T> || std::is_null_pointer_v<T>;
    return {sizeof(T), alignof(T), std::is_floating_point_v<T>, pointer ? size_t{1} : size_t{0}};
  }
};

}  // namespace pretend
