// Calls that ask about the driver and its devices.
#include <cstdio>
#include <cstring>

#include "device.h"
#include "driver.h"

using namespace pretend;

namespace {

void requireDevice(const Driver &driver, CUdevice device) {
  require(device >= 0 && device < driver.settings.devices, CUDA_ERROR_INVALID_DEVICE);
}

// Shared memory of a multiprocessor, which a block may have but for one KiB.
int sharedKilobytes(int capability) {
  switch (capability) {
    case 75:
      return 64;
    case 86:
    case 89:
    case 120:
      return 100;
    case 90:
    case 100:
      return 228;
    default:
      return 164;
  }
}

}  // namespace

namespace pretend {

int sharedBytesPerBlock(int capability) {
  return capability == 75 ? 64 << 10 : (sharedKilobytes(capability) - 1) << 10;
}

}  // namespace pretend

PRETEND_API cuInit(unsigned flags) {
  Driver &driver = Driver::instance();
  std::lock_guard lock(driver.mutex);
  const CUresult fault = dueFault(driver, "cuInit");
  if (fault != CUDA_SUCCESS) return fault;
  if (flags != 0) return CUDA_ERROR_INVALID_VALUE;
  if (driver.settings.devices == 0) return CUDA_ERROR_NO_DEVICE;
  driver.initialized = true;
  return CUDA_SUCCESS;
}

PRETEND_API cuDriverGetVersion(int *version) {
  Driver &driver = Driver::instance();
  std::lock_guard lock(driver.mutex);
  const CUresult fault = dueFault(driver, "cuDriverGetVersion");
  if (fault != CUDA_SUCCESS) return fault;
  *version = driver.settings.driverVersion;
  return CUDA_SUCCESS;
}

PRETEND_API cuDeviceGetCount(int *count) {
  return call("cuDeviceGetCount", [&](Driver &driver, auto &) {
    *count = driver.settings.devices;
    return CUDA_SUCCESS;
  });
}

PRETEND_API cuDeviceGet(CUdevice *device, int ordinal) {
  return call("cuDeviceGet", [&](Driver &driver, auto &) {
    requireDevice(driver, ordinal);
    *device = ordinal;
    return CUDA_SUCCESS;
  });
}

PRETEND_API cuDeviceGetName(char *name, int length, CUdevice device) {
  return call("cuDeviceGetName", [&](Driver &driver, auto &) {
    requireDevice(driver, device);
    require(length > 0, CUDA_ERROR_INVALID_VALUE);
    snprintf(name, length, "Pretend GPU sm_%d", driver.settings.capability);
    return CUDA_SUCCESS;
  });
}

PRETEND_API cuDeviceTotalMem_v2(size_t *bytes, CUdevice device) {
  return call("cuDeviceTotalMem", [&](Driver &driver, auto &) {
    requireDevice(driver, device);
    *bytes = driver.settings.memoryBytes;
    return CUDA_SUCCESS;
  });
}

static CUresult uuid(CUuuid *id, CUdevice device) {
  return call("cuDeviceGetUuid", [&](Driver &driver, auto &) {
    requireDevice(driver, device);
    memcpy(id->bytes, "a-pretended-gpu", 15);
    id->bytes[15] = static_cast<char>(device);
    return CUDA_SUCCESS;
  });
}

PRETEND_API cuDeviceGetUuid(CUuuid *id, CUdevice device) { return uuid(id, device); }
PRETEND_API cuDeviceGetUuid_v2(CUuuid *id, CUdevice device) { return uuid(id, device); }

PRETEND_API cuDeviceGetPCIBusId(char *id, int length, CUdevice device) {
  return call("cuDeviceGetPCIBusId", [&](Driver &driver, auto &) {
    requireDevice(driver, device);
    require(length >= 13, CUDA_ERROR_INVALID_VALUE);
    snprintf(id, length, "0000:%02x:00.0", device + 1);
    return CUDA_SUCCESS;
  });
}

PRETEND_API cuDeviceGetAttribute(int *value, int attribute, CUdevice device) {
  return call("cuDeviceGetAttribute", [&](Driver &driver, auto &) {
    requireDevice(driver, device);
    const int capability = driver.settings.capability;
    switch (attribute) {
      case 1: *value = 1024; break;                                // threads of a block
      case 2: case 3: *value = 1024; break;                        // block x, y
      case 4: *value = 64; break;                                  // block z
      case 5: *value = 0x7fffffff; break;                          // grid x
      case 6: case 7: *value = 65535; break;                       // grid y, z
      case 8: *value = 48 << 10; break;                            // shared bytes of a block
      case 10: *value = 32; break;                                 // lanes of a warp
      case 11: *value = 0x7fffffff; break;                         // pitch of a copy
      case 12: *value = 65536; break;                              // registers of a block
      case 13: *value = 1000000; break;                            // kHz
      case 14: *value = 512; break;                                // texture alignment
      case 15: *value = 1; break;                                  // overlaps copies
      case 16: *value = driver.settings.multiprocessors; break;
      case 17: case 18: *value = 0; break;                         // time limit, integrated
      case 19: *value = 1; break;                                  // maps host memory
      case 20: *value = driver.settings.computeMode; break;
      case 31: *value = 1; break;                                  // concurrent kernels
      case 32: *value = 0; break;                                  // error correction
      case 33: *value = device + 1; break;                         // PCI bus
      case 34: case 35: *value = 0; break;                         // PCI device, TCC
      case 36: *value = 1000000; break;                            // memory kHz
      case 37: *value = 256; break;                                // memory bus bits
      case 38: *value = 4 << 20; break;                            // L2 bytes
      case 39: *value = capability == 75 ? 1024 : 2048; break;     // threads of a multiprocessor
      case 40: *value = 2; break;                                  // copy engines
      case 41: *value = 1; break;                                  // unified addresses
      case 50: *value = 0; break;                                  // PCI domain
      case 75: *value = capability / 10; break;
      case 76: *value = capability % 10; break;
      case 78: *value = 1; break;                                  // stream priorities
      case 81: *value = sharedKilobytes(capability) << 10; break;  // shared bytes of a multiprocessor
      case 82: *value = 65536; break;                              // registers of a multiprocessor
      case 97: *value = sharedBytesPerBlock(capability); break;    // shared bytes that a block may ask for
      case 106: *value = 16; break;                                // blocks of a multiprocessor
      case 115: *value = 1; break;                                 // memory pools
      default: fail(CUDA_ERROR_INVALID_VALUE, "device attribute %d", attribute);
    }
    return CUDA_SUCCESS;
  });
}
