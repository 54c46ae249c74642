// Modules: the PTX that is shipped is read for its kernels, which have to be those that were compiled from the sources.
#include "module.h"

#include <cstdio>

#include "device.h"

using namespace pretend;

namespace {

constexpr int DEFAULT_SHARED = 48 << 10;
enum Attribute { SHARED_SIZE_BYTES = 1, MAX_DYNAMIC_SHARED_SIZE_BYTES = 8, PREFERRED_SHARED_MEMORY_CARVEOUT = 9 };

// The newest PTX that a driver reads: 7.8 for CUDA 11.8, 8.5 for 12.6.
int newestPtx(int driverVersion) {
  const int major = driverVersion / 1000, minor = driverVersion % 1000 / 10;
  if (major < 12) return 70 + minor;
  return (major - 4) * 10 + (major == 12 && minor > 5 ? 5 : minor);
}

// The buffer that a caller wants to have filled with what is wrong with the PTX.
struct ErrorLog {
  char *text = nullptr;
  size_t bytes = 0;

  void write(const char *message) const {
    if (text != nullptr && bytes > 0) snprintf(text, bytes, "%s", message);
  }
};

ErrorLog errorLog(unsigned count, const int *options, void **values) {
  constexpr int ERROR_LOG_BUFFER = 5, ERROR_LOG_BUFFER_SIZE_BYTES = 6;
  ErrorLog log;
  for (unsigned i = 0; i < count; i++) {
    if (options[i] == ERROR_LOG_BUFFER) log.text = static_cast<char *>(values[i]);
    if (options[i] == ERROR_LOG_BUFFER_SIZE_BYTES) log.bytes = static_cast<unsigned>(reinterpret_cast<uintptr_t>(values[i]));
  }
  return log;
}

CUresult load(CUmodule *handle, const void *image, const ErrorLog &log) {
  return callToCreate("cuModuleLoadData", [&](Driver &driver, Context &context, auto &) {
    auto module = std::make_unique<Module>();
    try {
      module->ptx = parsePtx(static_cast<const char *>(image));
    } catch (const std::invalid_argument &problem) {
      log.write(problem.what());
      fail(CUDA_ERROR_INVALID_PTX, "PTX: %s", problem.what());
    }
    const int version = module->ptx.version, target = module->ptx.target;
    if (version > newestPtx(driver.settings.driverVersion)) {
      fail(CUDA_ERROR_UNSUPPORTED_PTX_VERSION, "PTX %d.%d is too new for driver %d", version / 10, version % 10,
           driver.settings.driverVersion);
    }
    if (target > driver.settings.capability) fail(CUDA_ERROR_NO_BINARY_FOR_GPU, "PTX for sm_%d", target);
    module->context = &context;
    module->architecture = target < 80 ? 75 : 80;
    loadKernels(module->architecture);
    *handle = driver.newHandle<CUmodule>();
    context.modules.emplace(*handle, std::move(module));
    driver.counts.modules++;
  });
}

}  // namespace

namespace pretend {

Function &functionOf(Context &context, CUfunction handle) {
  for (const auto &[each, module] : context.modules) {
    for (const auto &[name, function] : module->functions) {
      if (reinterpret_cast<CUfunction>(function.get()) == handle) return *function;
    }
  }
  fail(CUDA_ERROR_INVALID_HANDLE, "no function %p of this context", static_cast<void *>(handle));
}

void checkShared(const Function &function, size_t dynamic) {
  const size_t allowed = std::max<size_t>(DEFAULT_SHARED, function.entry.sharedBytes + function.allowedShared);
  if (function.entry.sharedBytes + dynamic > allowed) {
    fail(CUDA_ERROR_INVALID_VALUE, "%s with %zu + %zu shared bytes where %zu are allowed", function.name.c_str(),
         function.entry.sharedBytes, dynamic, allowed);
  }
}

}  // namespace pretend

PRETEND_API cuModuleLoadData(CUmodule *handle, const void *image) { return load(handle, image, {}); }

PRETEND_API cuModuleLoadDataEx(CUmodule *handle, const void *image, unsigned count, int *options, void **values) {
  return load(handle, image, errorLog(count, options, values));
}

PRETEND_API cuModuleUnload(CUmodule handle) {
  return callToRelease("cuModuleUnload", [&](Driver &driver, Context &context, auto &lock) {
    driver.drain(lock, context);
    if (context.modules.erase(handle) == 0) fail(CUDA_ERROR_INVALID_HANDLE, "no module %p", (void *)handle);
    driver.counts.modules--;
  });
}

PRETEND_API cuModuleGetFunction(CUfunction *handle, CUmodule moduleHandle, const char *name) {
  return callInContext("cuModuleGetFunction", [&](Driver &driver, Context &context, auto &) {
    const auto found = context.modules.find(moduleHandle);
    if (found == context.modules.end()) fail(CUDA_ERROR_INVALID_HANDLE, "no module %p", (void *)moduleHandle);
    Module &module = *found->second;
    const auto entry = module.ptx.entries.find(name);
    require(entry != module.ptx.entries.end(), CUDA_ERROR_NOT_FOUND);
    const Kernel *kernel = findKernel(module.architecture, name);
    if (!kernel) fail(CUDA_ERROR_NOT_FOUND, "%s is in the PTX but not in the sources", name);
    const std::string problem = difference(entry->second, *kernel);
    if (!problem.empty()) fail(CUDA_ERROR_NOT_FOUND, "%s: %s", name, problem.c_str());
    auto &function = module.functions[name];
    if (!function) {
      const Resources resources = resourcesOf(name, driver.settings.capability);
      function.reset(new Function{name, kernel, entry->second, resources, &module});
    }
    *handle = reinterpret_cast<CUfunction>(function.get());
  });
}

PRETEND_API cuFuncSetAttribute(CUfunction handle, int attribute, int value) {
  return callInContext("cuFuncSetAttribute", [&](Driver &driver, Context &context, auto &) {
    Function &function = functionOf(context, handle);
    if (attribute == PREFERRED_SHARED_MEMORY_CARVEOUT) return;
    require(attribute == MAX_DYNAMIC_SHARED_SIZE_BYTES && value >= 0, CUDA_ERROR_INVALID_VALUE);
    const size_t most = sharedBytesPerBlock(driver.settings.capability);
    if (function.entry.sharedBytes + value > most) {
      fail(CUDA_ERROR_INVALID_VALUE, "%d dynamic shared bytes for %s", value, function.name.c_str());
    }
    function.allowedShared = value;
  });
}

PRETEND_API cuFuncGetAttribute(int *value, int attribute, CUfunction handle) {
  return callInContext("cuFuncGetAttribute", [&](Driver &, Context &context, auto &) {
    const Function &function = functionOf(context, handle);
    switch (attribute) {
      case 0: *value = function.entry.maximumThreads; break;
      case SHARED_SIZE_BYTES: *value = function.entry.sharedBytes; break;
      case MAX_DYNAMIC_SHARED_SIZE_BYTES: *value = function.allowedShared; break;
      default: fail(CUDA_ERROR_INVALID_VALUE, "function attribute %d", attribute);
    }
  });
}
