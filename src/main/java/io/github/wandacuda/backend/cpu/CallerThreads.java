package io.github.wandacuda.backend.cpu;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.SymbolLookup;

/**
 * Has oneDNN make no threads of its own, so that this program's are all that there are: none is
 * left when a run is cancelled, and as many work as were asked for. OpenMP keeps the number for
 * each calling thread, so other users of it in this process notice nothing.
 */
final class CallerThreads {
  private static final int SEQUENTIAL = 1;
  private static final int OPENMP = 2;

  /** OpenMP's functions; null if the library makes no threads. */
  private final OneDnnFunctions.Function number;

  private final OneDnnFunctions.Function setNumber;

  private CallerThreads(OneDnnFunctions.Function number, OneDnnFunctions.Function setNumber) {
    this.number = number;
    this.setNumber = setNumber;
  }

  /** What ends when it is closed, in the thread that began it. */
  interface Alone extends AutoCloseable {
    @Override
    void close();
  }

  /**
   * Finds out how a library is told.
   *
   * @param library oneDNN, through which OpenMP's functions are found as it finds them
   * @param runtime what it says that its threads are made by
   * @throws UnsatisfiedLinkError if it can't be told
   */
  static CallerThreads of(SymbolLookup library, int runtime) {
    return switch (runtime) {
      case SEQUENTIAL -> new CallerThreads(null, null);
      case OPENMP ->
          new CallerThreads(
              new OneDnnFunctions.Function(
                  library, "omp_get_max_threads", FunctionDescriptor.of(JAVA_INT)),
              new OneDnnFunctions.Function(
                  library, "omp_set_num_threads", FunctionDescriptor.ofVoid(JAVA_INT)));
      default -> throw new UnsatisfiedLinkError("it isn't built with OpenMP");
    };
  }

  /** Lets the calling thread work alone. */
  Alone alone() {
    if (setNumber == null) {
      return () -> {};
    }
    int before = (int) number.call();
    Object unused = setNumber.call(1);
    return () -> setNumber.call(before);
  }
}
