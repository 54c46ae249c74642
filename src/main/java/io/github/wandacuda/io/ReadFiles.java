package io.github.wandacuda.io;

import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.UsageException;
import java.nio.file.Path;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.IntSupplier;

/**
 * The files that a run of a command has opened to read, by whatever path; its results never replace
 * them. {@link InputFile} adds each as it opens it. Only the thread of the run is looked at: those
 * that it starts open nothing but a model's files.
 */
public final class ReadFiles {
  private static final ScopedValue<Set<Object>> OF_RUN = ScopedValue.newInstance();

  private ReadFiles() {}

  /** Does a run, whose files are kept apart from those of other runs. */
  public static int during(IntSupplier run) {
    return ScopedValue.where(OF_RUN, ConcurrentHashMap.newKeySet()).call(run::getAsInt);
  }

  static void add(Object identity) {
    if (OF_RUN.isBound()) {
      OF_RUN.get().add(identity);
    }
  }

  /** Returns whether a path leads to a file that this thread's run has opened. */
  public static boolean contain(Path file) {
    return OF_RUN.isBound() && FileIdentity.of(file).filter(OF_RUN.get()::contains).isPresent();
  }

  /**
   * Checks that this thread's run hasn't opened a file that it is going to replace.
   *
   * @throws UsageException if it has
   */
  static void refuse(Path file) {
    if (contain(file)) {
      throw new UsageException(
          ErrorDetails.file(file)
              .said("this file is what the run reads, which is never replaced")
              .hint("name another file"));
    }
  }
}
