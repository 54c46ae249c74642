#include "driver.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdarg>
#include <cstddef>
#include <cstdio>
#include <cstdlib>

#include "device.h"

namespace pretend {
namespace {

long environment(const char *name, long otherwise) {
  const char *value = getenv(name);
  return value ? atol(value) : otherwise;
}

// By a socket's name, which one process can have at a time, and has until it ends. Other drivers have other devices.
std::shared_ptr<Claim> claimOf(int device) {
  sockaddr_un address{AF_UNIX, ""};
  const size_t path = std::hash<std::string>()(besideRuntime());
  const int length = snprintf(address.sun_path + 1, sizeof address.sun_path - 1, "pretend-cuda-%zx-%d", path, device);
  auto claim = std::make_shared<Claim>(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const socklen_t bytes = offsetof(sockaddr_un, sun_path) + 1 + length;
  if (bind(claim->socket, reinterpret_cast<sockaddr *>(&address), bytes) != 0) throw Failure{CUDA_ERROR_DEVICE_UNAVAILABLE};
  return claim;
}

}  // namespace

bool lasting(CUresult result) {
  switch (result) {
    case CUDA_ERROR_ECC_UNCORRECTABLE:
    case CUDA_ERROR_NVLINK_UNCORRECTABLE:
    case CUDA_ERROR_ILLEGAL_ADDRESS:
    case CUDA_ERROR_LAUNCH_TIMEOUT:
    case CUDA_ERROR_CONTEXT_IS_DESTROYED:
    case CUDA_ERROR_ASSERT:
    case CUDA_ERROR_HARDWARE_STACK_ERROR:
    case CUDA_ERROR_ILLEGAL_INSTRUCTION:
    case CUDA_ERROR_MISALIGNED_ADDRESS:
    case CUDA_ERROR_INVALID_ADDRESS_SPACE:
    case CUDA_ERROR_INVALID_PC:
    case CUDA_ERROR_LAUNCH_FAILED:
    case CUDA_ERROR_UNKNOWN:
      return true;
    default:
      return false;
  }
}

Settings Settings::fromEnvironment() {
  Settings settings;
  settings.devices = environment("PRETEND_CUDA_DEVICES", settings.devices);
  settings.capability = environment("PRETEND_CUDA_CAPABILITY", settings.capability);
  settings.driverVersion = environment("PRETEND_CUDA_DRIVER_VERSION", settings.driverVersion);
  settings.multiprocessors = environment("PRETEND_CUDA_MULTIPROCESSORS", settings.multiprocessors);
  settings.memoryBytes = environment("PRETEND_CUDA_MEMORY", settings.memoryBytes);
  settings.computeMode = environment("PRETEND_CUDA_MODE", settings.computeMode);
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

size_t Driver::freeBytes(int device) const {
  size_t used = 0;
  for (const Context *each : allContexts()) {
    if (each->device == device && each->retained > 0) used += settings.contextBytes();
  }
  std::set<std::pair<const Context *, uint64_t>> shared;
  for (const auto &[start, allocation] : allocations) {
    if (allocation.context->device != device) continue;
    const bool own = allocation.piece == 0;
    if (own || shared.insert({allocation.context, allocation.piece}).second) {
      used += own ? settings.inPieces(allocation.bytes) : settings.pieceBytes();
    }
  }
  const size_t whole = settings.memoryBytes / settings.pieceBytes() * settings.pieceBytes();
  return used > whole ? 0 : whole - used;
}

uint64_t Driver::pieceFor(const Context &context, size_t bytes) const {
  constexpr size_t ALIGNMENT = 512;
  const size_t piece = settings.pieceBytes();
  const bool fits = bytes <= freeBytes(context.device);
  if (bytes > piece / 2) {
    require(fits, CUDA_ERROR_OUT_OF_MEMORY);
    return 0;
  }
  const auto room = [=](size_t some) { return std::min((some + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT, piece); };
  std::map<uint64_t, size_t> taken;
  for (const auto &[start, each] : allocations) {
    if (each.context == &context && each.piece != 0) taken[each.piece] += room(each.bytes);
  }
  for (const auto &[number, used] : taken) {
    if (used + room(bytes) <= piece) return number;
  }
  require(fits, CUDA_ERROR_OUT_OF_MEMORY);
  return taken.empty() ? 1 : taken.rbegin()->first + 1;
}

Claim::~Claim() { close(socket); }

void Driver::open(Context &context) {
  const int device = context.device;
  // As the driver's reference says of a context there.
  require(settings.computeMode != PROHIBITED, CUDA_ERROR_UNKNOWN);
  require(settings.contextBytes() <= freeBytes(device), CUDA_ERROR_OUT_OF_MEMORY);
  if (settings.computeMode == EXCLUSIVE_PROCESS) {
    context.claim = claims[device].lock();
    if (!context.claim) claims[device] = context.claim = claimOf(device);
  }
  context.retained = 1;
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
