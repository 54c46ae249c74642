package io.github.wandacuda.device.opencl.driver;

import io.github.wandacuda.error.BackendUnavailableException;
import java.util.function.Supplier;
import org.jocl.CL;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** What OpenCL's calls return. */
public final class OpenClStatus {
  private static final Logger LOG = LoggerFactory.getLogger(OpenClStatus.class);

  private OpenClStatus() {}

  /**
   * Checks the status of a call that is no open device's.
   *
   * @param status what it returned
   * @param call its name
   * @throws BackendUnavailableException if it failed
   */
  public static void check(int status, String call) {
    check(status, "OpenCL", () -> call);
  }

  /**
   * Checks the status of a call.
   *
   * @param status what it returned
   * @param device whose call it was, for people
   * @param call its name, asked for only if it failed
   * @throws BackendUnavailableException if it failed
   */
  public static void check(int status, String device, Supplier<String> call) {
    if (status != CL.CL_SUCCESS) {
      throw new BackendUnavailableException(
          "%s: %s failed with %s".formatted(device, call.get(), name(status)));
    }
  }

  /**
   * Notes the status of a call that gives something back. There is nothing to be done where it
   * failed, and the rest has to be given back too.
   */
  public static void note(int status, String call) {
    if (status != CL.CL_SUCCESS) {
      LOG.debug("{} failed with {}", call, name(status));
    }
  }

  /** Returns whether a failed call wanted memory that isn't there. */
  static boolean isMemoryShortage(int status) {
    return status == CL.CL_MEM_OBJECT_ALLOCATION_FAILURE
        || status == CL.CL_OUT_OF_RESOURCES
        || status == CL.CL_OUT_OF_HOST_MEMORY
        || status == CL.CL_INVALID_BUFFER_SIZE;
  }

  /** Returns the status as OpenCL's header calls it. */
  static String name(int status) {
    return CL.stringFor_errorCode(status);
  }
}
