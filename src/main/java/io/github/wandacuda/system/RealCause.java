package io.github.wandacuda.system;

import io.github.wandacuda.error.CancelledException;
import io.github.wandacuda.error.OutputException;
import io.github.wandacuda.error.WandaException;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.net.SocketTimeoutException;
import java.nio.channels.ClosedByInterruptException;
import java.nio.channels.FileLockInterruptionException;
import java.nio.file.FileSystemException;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Predicate;
import java.util.stream.Stream;

/**
 * Finds the real cause of a failure that may occur anywhere: that the work was cancelled, or that
 * the limit on open files was reached. Code that reports a failure, or acts on its type, asks here
 * first.
 */
public final class RealCause {
  private static final int DEEPEST = 50;

  private RealCause() {}

  /**
   * Finds the real cause of a failure.
   *
   * @return a {@link CancelledException}, or an {@link OutputException} about the limit on open
   *     files; empty if the failure has no such cause
   */
  public static Optional<WandaException> behind(Throwable e) {
    if (isCancellation(e)) {
      return Optional.of(e instanceof CancelledException own ? own : new CancelledException(e));
    }
    return isAnywhereIn(e, RealCause::isWantOfFiles)
        ? Optional.of(
            new OutputException(
                "the system's limit on open files was reached: raise it (ulimit -n 4096) and run"
                    + " the same again",
                e))
        : Optional.empty();
  }

  /**
   * Throws the real cause of a failure, if there is one; for code that would otherwise take the
   * failure for an error in a file and go on.
   *
   * @throws WandaException what {@link #behind} finds
   */
  public static void throwIfBehind(Throwable e) {
    Optional<WandaException> cause = behind(e);
    if (cause.isPresent()) {
      throw cause.get();
    }
  }

  /**
   * Throws an exception that another thread met, as it is.
   *
   * @param failure an unchecked exception or an error; null if nothing failed
   */
  public static void rethrow(Throwable failure) {
    if (failure instanceof RuntimeException e) {
      throw e;
    }
    if (failure instanceof Error e) {
      throw e;
    }
  }

  /**
   * Returns whether a failure follows from a cancellation: an interrupt closes files that are in
   * use, whose next use then fails.
   */
  private static boolean isCancellation(Throwable e) {
    return Thread.currentThread().isInterrupted()
        || isProcessEnding()
        || isAnywhereIn(e, RealCause::isInterruption);
  }

  private static boolean isAnywhereIn(Throwable e, Predicate<Throwable> kind) {
    return Stream.iterate(e, Objects::nonNull, Throwable::getCause).limit(DEEPEST).anyMatch(kind);
  }

  /** Looks only at the system's messages, since our own quote names that may hold any words. */
  private static boolean isWantOfFiles(Throwable e) {
    String said =
        switch (e) {
          case FileSystemException system -> system.getReason();
          case IOException other -> other.getMessage();
          case Error error -> error.getMessage();
          default -> null;
        };
    return SystemError.TOO_MANY_OPEN_FILES.isSaidIn(said);
  }

  private static boolean isInterruption(Throwable e) {
    return e instanceof CancelledException
        || e instanceof InterruptedException
        || e instanceof ClosedByInterruptException
        || e instanceof FileLockInterruptionException
        || (e instanceof InterruptedIOException && !(e instanceof SocketTimeoutException));
  }

  /**
   * Returns whether the process is ending; then nothing can be started, and libraries have freed
   * their resources.
   */
  public static boolean isProcessEnding() {
    try {
      return Runtime.getRuntime().removeShutdownHook(new Thread());
    } catch (IllegalStateException ending) {
      return true;
    }
  }

  /**
   * Errors that Java reports only by the system's message, which is in the user's language. The
   * numbers are those of Linux and macOS.
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
                        "strerror",
                        FunctionDescriptor.of(ValueLayout.ADDRESS, ValueLayout.JAVA_INT))
                    .invokeExact(number);
        return text.reinterpret(LONGEST).getString(0);
      } catch (Throwable e) {
        return english;
      }
    }
  }
}
