#include "driver.h"

#include <cstdarg>
#include <cstdio>
#include <cstdlib>

namespace pretend {
namespace {

long environment(const char *name, long otherwise) {
  const char *value = getenv(name);
  return value ? atol(value) : otherwise;
}

// From the first error that a device doesn't recover from.
bool lasting(CUresult result) {
  return result >= CUDA_ERROR_ILLEGAL_ADDRESS && result != CUDA_ERROR_NOT_PERMITTED && result != CUDA_ERROR_NOT_SUPPORTED;
}

}  // namespace

Settings Settings::fromEnvironment() {
  Settings settings;
  settings.devices = environment("PRETEND_CUDA_DEVICES", settings.devices);
  settings.capability = environment("PRETEND_CUDA_CAPABILITY", settings.capability);
  settings.driverVersion = environment("PRETEND_CUDA_DRIVER_VERSION", settings.driverVersion);
  settings.multiprocessors = environment("PRETEND_CUDA_MULTIPROCESSORS", settings.multiprocessors);
  settings.memoryBytes = environment("PRETEND_CUDA_MEMORY", settings.memoryBytes);
  settings.order = static_cast<Order>(environment("PRETEND_CUDA_ORDER", static_cast<long>(settings.order)));
  settings.hostThreads = environment("PRETEND_CUDA_THREADS", settings.hostThreads);
  settings.deferred = environment("PRETEND_CUDA_DEFERRED", settings.deferred) != 0;
  settings.launchesBlock = environment("CUDA_LAUNCH_BLOCKING", settings.launchesBlock) != 0;
  return settings;
}

std::map<std::string, Fault> faultsFromEnvironment() {
  const char *value = getenv("PRETEND_CUDA_FAIL");
  char name[64];
  Fault fault;
  int result;
  if (!value || sscanf(value, "%63s %ld %d", name, &fault.after, &result) != 3) return {};
  fault.result = static_cast<CUresult>(result);
  return {{name, fault}};
}

Driver &Driver::instance() {
  static auto *driver = new Driver;  // never destroyed, since work may go on while the process ends
  return *driver;
}

Context *&currentContext() {
  static thread_local Context *current = nullptr;
  return current;
}

void fail(CUresult result, const char *format, ...) {
  char text[1024];
  va_list values;
  va_start(values, format);
  vsnprintf(text, sizeof text, format, values);
  va_end(values);
  fprintf(stderr, "pretend CUDA: %s\n", text);
  throw Failure{result};
}

void require(bool holds, CUresult otherwise) {
  if (!holds) throw Failure{otherwise};
}

CUresult dueFault(Driver &driver, const char *name) {
  driver.calls[name]++;
  const auto fault = driver.faults.find(name);
  if (fault == driver.faults.end()) return CUDA_SUCCESS;
  long &after = fault->second.after;
  if (after > 0 && --after > 0) return CUDA_SUCCESS;
  const CUresult result = fault->second.result;
  if (after == 0) driver.faults.erase(fault);
  return result;
}

void failIfAsked(Driver &driver, const char *name) {
  const CUresult result = dueFault(driver, name);
  if (lasting(result)) currentContext()->error = result;
  require(result == CUDA_SUCCESS, result);
}

std::vector<Context *> Driver::allContexts() const {
  std::vector<Context *> all;
  for (const auto &each : contexts) {
    if (each) all.push_back(each.get());
  }
  for (const auto &each : created) all.push_back(each.get());
  return all;
}

size_t Driver::usedBytes(int device) const {
  size_t used = 0;
  for (const auto &[start, allocation] : allocations) {
    if (allocation.context->device == device) used += allocation.bytes;
  }
  return used;
}

const std::pair<const uintptr_t, Allocation> *Driver::allocationAt(uintptr_t address) const {
  auto after = allocations.upper_bound(address);
  if (after == allocations.begin()) return nullptr;
  const auto &found = *--after;
  return address - found.first < found.second.bytes ? &found : nullptr;
}

bool Driver::isPinned(uintptr_t address) const {
  auto after = pinned.upper_bound(address);
  return after != pinned.begin() && address - std::prev(after)->first < std::prev(after)->second;
}

void Driver::requireAllocated(const Context &context, uintptr_t start, size_t bytes) const {
  auto after = allocations.upper_bound(start);
  if (after == allocations.begin()) fail(CUDA_ERROR_INVALID_VALUE, "%#lx is no device memory", start);
  const auto &[from, allocation] = *--after;
  if (start - from > allocation.bytes) fail(CUDA_ERROR_INVALID_VALUE, "%#lx is no device memory", start);
  if (bytes > allocation.bytes - (start - from)) {
    fail(CUDA_ERROR_INVALID_VALUE, "%zu bytes from byte %zu on of a buffer of %zu", bytes, start - from,
         allocation.bytes);
  }
  if (allocation.context != &context) fail(CUDA_ERROR_INVALID_VALUE, "%#lx is another context's memory", start);
}

std::shared_ptr<Stream> Driver::stream(Context &context, CUstream handle) {
  if (handle == nullptr) return context.defaultStream;
  const auto found = context.streams.find(handle);
  if (found == context.streams.end()) fail(CUDA_ERROR_INVALID_HANDLE, "no stream %p of this context", (void *)handle);
  return found->second;
}

void Driver::enqueue(std::unique_lock<std::mutex> &lock, Context &context, CUstream handle,
                     std::function<void()> work) {
  const std::shared_ptr<Stream> target = stream(context, handle);
  if (handle == nullptr) drain(lock, context);
  const auto unlessFailed = [&context, work = std::move(work)] {
    if (context.error == CUDA_SUCCESS) work();
  };
  const uint64_t number = target->add(unlessFailed, settings.deferred);
  traffic.queued(target->id, number);
  if (handle != nullptr && !target->eager) return;
  lock.unlock();
  target->await(number);
  lock.lock();
  if (handle == nullptr) traffic.awaited(traffic.clockOf(target->id));
}

void Driver::drain(std::unique_lock<std::mutex> &lock, Context &context) {
  std::vector<std::shared_ptr<Stream>> all{context.defaultStream};
  for (const auto &[handle, each] : context.streams) all.push_back(each);
  lock.unlock();
  for (const auto &each : all) each->drain();
  lock.lock();
  for (const auto &each : all) traffic.awaited(traffic.clockOf(each->id));
}

}  // namespace pretend
