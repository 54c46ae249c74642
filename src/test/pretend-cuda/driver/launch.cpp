// Launches of kernels.
#include "launch.h"

#include <cstring>

#include "driver.h"
#include "module.h"

using namespace pretend;

namespace {

// A warp takes registers in 256s, and warps are given theirs four at a time. A context keeps a stack of 1 KiB for each thread
// that the device can run at a time, which is most of its share of memory.
void checkResources(const Function &function, unsigned threads) {
  constexpr unsigned REGISTERS = 65536, STACK_BYTES = 1024;
  const auto &[registers, stackBytes] = function.resources;
  const unsigned warps = (threads + 31) / 32, ofWarp = (registers + 7) / 8 * 256;
  const bool fits = registers == 0 || warps <= REGISTERS / ofWarp / 4 * 4;
  if (!fits || stackBytes > STACK_BYTES) {
    fail(CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES, "%s with %u registers and %zu bytes of stack for each of %u threads",
         function.name.c_str(), registers, stackBytes, threads);
  }
}

void checkShape(const Function &function, const Index &grid, const Index &block) {
  const bool possible = grid.x >= 1 && grid.x <= 0x7fffffff && grid.y >= 1 && grid.y <= 65535 && grid.z >= 1 &&
                        grid.z <= 65535 && block.x >= 1 && block.x <= 1024 && block.y >= 1 && block.y <= 1024 &&
                        block.z >= 1 && block.z <= 64;
  const uint64_t threads = uint64_t{block.x} * block.y * block.z;
  if (!possible || threads > 1024 || threads > function.entry.maximumThreads) {
    fail(CUDA_ERROR_INVALID_VALUE, "%s with %u x %u x %u blocks of %u x %u x %u threads", function.name.c_str(), grid.x,
         grid.y, grid.z, block.x, block.y, block.z);
  }
  checkResources(function, threads);
}

// The arguments of a launch, copied when it is queued.
struct Arguments {
  std::vector<std::vector<char>> values;
  std::vector<void *> addresses;

  Arguments(const Kernel &kernel, void **given) {
    for (const Parameter &parameter : kernel.parameters) {
      const auto *bytes = static_cast<const char *>(*given++);
      values.emplace_back(bytes, bytes + parameter.bytes);
    }
    for (auto &value : values) addresses.push_back(value.data());
    addresses.push_back(nullptr);
  }

  uintptr_t pointer(size_t index) const {
    uintptr_t value;
    memcpy(&value, values[index].data(), sizeof value);
    return value;
  }
};

// A pointer is null, or goes into a buffer or to its end, and is aligned for what it points to.
CUresult pointerProblem(const Driver &driver, const Context &context, const Kernel &kernel, const Arguments &arguments) {
  for (size_t i = 0; i < kernel.parameters.size(); i++) {
    const size_t alignment = kernel.parameters[i].pointee;
    if (alignment == 0 || arguments.pointer(i) == 0) continue;
    try {
      driver.requireAllocated(context, arguments.pointer(i), 0);
      if (arguments.pointer(i) % alignment != 0) {
        fail(CUDA_ERROR_MISALIGNED_ADDRESS, "%s: argument %zu is %#lx", kernel.name.c_str(), i, arguments.pointer(i));
      }
    } catch (const Failure &failure) {
      return failure.result == CUDA_ERROR_INVALID_VALUE ? CUDA_ERROR_ILLEGAL_ADDRESS : failure.result;
    }
  }
  return CUDA_SUCCESS;
}

}  // namespace

PRETEND_API cuLaunchKernel(CUfunction handle, unsigned gridX, unsigned gridY, unsigned gridZ, unsigned blockX,
                           unsigned blockY, unsigned blockZ, unsigned sharedBytes, CUstream stream, void **given,
                           void **extra) {
  return callInContext("any launch", [&](Driver &driver, Context &context, auto &lock) {
    const Function &function = functionOf(context, handle);
    const Index grid{gridX, gridY, gridZ}, block{blockX, blockY, blockZ};
    checkShape(function, grid, block);
    checkShared(function, sharedBytes);
    require(extra == nullptr && given != nullptr, CUDA_ERROR_INVALID_VALUE);
    const Kernel &kernel = *function.kernel;
    auto arguments = std::make_shared<Arguments>(kernel, given);
    CUresult problem = dueFault(driver, "cuLaunchKernel");
    require(problem == CUDA_SUCCESS || lasting(problem), problem);
    if (problem == CUDA_SUCCESS) problem = pointerProblem(driver, context, kernel, *arguments);
    driver.launches[kernel.name]++;
    driver.launchesOn[context.device]++;
    Launch launch{&kernel, grid, block, sharedBytes, arguments->addresses.data(), driver.settings.order,
                  driver.settings.seed++, driver.settings.hostThreads, driver.settings.capability};
    driver.enqueue(lock, context, stream, [&context, problem, launch, arguments] {
      if (problem == CUDA_SUCCESS) {
        runGrid(launch);
      } else {
        context.error = problem;
      }
    });
    driver.traffic.launched(driver.stream(context, stream)->id);
    if (driver.settings.launchesBlock) driver.drain(lock, context);
  });
}
