package io.github.wandacuda.system;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Errors that Java reports only by the system's message, in the user's language. The numbers are
 * those of Linux and macOS.
 */
public enum SystemError {
  /** EMFILE: this process has reached its limit on open files. */
  TOO_MANY_OPEN_FILES(24, "Too many open files"),

  /** EINVAL, of {@code fsync} on a folder: the file system can't force folders. */
  INVALID_ARGUMENT(22, "Invalid argument"),

  /**
   * EBADF, of {@code fsync} on a folder: the file system forces only files that are open for
   * writing.
   */
  BAD_FILE_DESCRIPTOR(9, "Bad file descriptor");

  private static final long LONGEST = 1000;

  private final String english;
  private final String local;

  SystemError(int number, String english) {
    this.english = english;
    local = text(number, english);
  }

  /** Returns whether a message, which may be null, contains the text of this error. */
  public boolean isSaidIn(String message) {
    return message != null && (message.contains(english) || message.contains(local));
  }

  private static String text(int number, String english) {
    if (!ThisRuntime.hasNativeAccess()) {
      return english;
    }
    try {
      MemorySegment text =
          (MemorySegment)
              Native.function(
                      "strerror", FunctionDescriptor.of(ValueLayout.ADDRESS, ValueLayout.JAVA_INT))
                  .invokeExact(number);
      return text.reinterpret(LONGEST).getString(0);
    } catch (Throwable e) {
      return english;
    }
  }
}
