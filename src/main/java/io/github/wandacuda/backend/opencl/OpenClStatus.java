package io.github.wandacuda.backend.opencl;

import io.github.wandacuda.error.BackendUnavailableException;
import java.util.function.Supplier;
import org.jocl.CL;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Checks the results of OpenCL's calls. */
final class OpenClStatus {
  private static final Logger LOG = LoggerFactory.getLogger(OpenClStatus.class);

  /**
   * Drivers report CL_OUT_OF_RESOURCES also after a kernel's fault. For so few bytes it doesn't
   * mean that memory is short.
   */
  private static final long LITTLE = 1 << 20;

  private OpenClStatus() {}

  /**
   * Checks the status of a call that isn't for an open device.
   *
   * @throws BackendUnavailableException unless it is success
   */
  public static void check(int status, String call) {
    check(status, "OpenCL", () -> call);
  }

  /**
   * Checks the status of a call.
   *
   * @param device the device's name in messages
   * @param call the call's name, only evaluated if it failed
   * @throws BackendUnavailableException unless it is success
   */
  public static void check(int status, String device, Supplier<String> call) {
    if (status != CL.CL_SUCCESS) {
      throw new BackendUnavailableException(
          "%s: %s failed with %s".formatted(device, call.get(), name(status)));
    }
  }

  /**
   * Logs the status of a call that frees something. Nothing can be done about a failure, and the
   * rest must be freed too.
   */
  public static void note(int status, String call) {
    if (status != CL.CL_SUCCESS) {
      LOG.debug("{} failed with {}", call, name(status));
    }
  }

  /** Returns whether a command on so many bytes may succeed on fewer. */
  static boolean isMemoryShortage(int status, long bytes) {
    return status == CL.CL_MEM_OBJECT_ALLOCATION_FAILURE
        || (status == CL.CL_OUT_OF_RESOURCES && bytes > LITTLE)
        || status == CL.CL_OUT_OF_HOST_MEMORY
        || status == CL.CL_INVALID_BUFFER_SIZE;
  }

  /** Returns the name of the status in OpenCL's header, and what it may mean. */
  static String name(int status) {
    String name = CL.stringFor_errorCode(status);
    return status == CL.CL_OUT_OF_RESOURCES ? name + " (memory, or a kernel that failed)" : name;
  }
}
