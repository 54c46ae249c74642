package io.github.wandacuda.backend.cpu;

import static io.github.wandacuda.backend.cpu.OneDnnFunctions.function;
import static java.lang.foreign.FunctionDescriptor.of;
import static java.lang.foreign.FunctionDescriptor.ofVoid;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import io.github.wandacuda.DType;
import io.github.wandacuda.backend.cpu.OneDnnFunctions.Name;
import io.github.wandacuda.error.BackendUnavailableException;
import io.github.wandacuda.system.SharedLibrary;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;

/**
 * oneDNN, a library of the system that multiplies bfloat16 by what the processor has for it. It may
 * be missing, and is of use only on a processor with such instructions.
 */
final class OneDnn {
  /** Its name; Debian's has the version that its interface is of. */
  private static final List<String> FILES = List.of("libdnnl.so.3", "libdnnl.so.3.6");

  /**
   * {@code dnnl_cpu_isa_avx512_core_amx}, whose bits all that came later with AMX have too. By
   * AVX-512 for bfloat16 alone, products took longer on a Xeon than ours in float32.
   */
  private static final int AMX = 0xfef;

  private static final int VERSION_BYTES = 32;

  /** Where {@code dnnl_version_t} tells how threads are made. */
  private static final long RUNTIME = 24;

  private static final int SEQUENTIAL = 1;
  private static final int OPENMP = 2;

  /** What is found, once it was looked for. */
  private static final class Loaded {
    static final Search FOUND = find(SharedLibrary::find);
  }

  /**
   * What a search ends with: one of the two, the other one is null.
   *
   * @param library can be used
   * @param problem why there is none that can, in words
   */
  public record Search(OneDnn library, String problem) {
    private static Search failed(String problem) {
      return new Search(null, problem);
    }
  }

  private final OneDnnFunctions functions;

  /** Whether the library makes threads, by OpenMP's functions that follow. */
  private final boolean isThreaded;

  private final SharedLibrary.Function threads;
  private final SharedLibrary.Function setThreads;
  private final String version;
  private final int instructions;

  private OneDnn(SymbolLookup library) {
    functions = new OneDnnFunctions(library);
    MemorySegment told = ((MemorySegment) functions.call(Name.VERSION)).reinterpret(VERSION_BYTES);
    version =
        "%d.%d.%d"
            .formatted(
                told.getAtIndex(JAVA_INT, 0),
                told.getAtIndex(JAVA_INT, 1),
                told.getAtIndex(JAVA_INT, 2));
    int runtime = told.get(JAVA_INT, RUNTIME);
    if (runtime != SEQUENTIAL && runtime != OPENMP) {
      throw new UnsatisfiedLinkError("it isn't built with OpenMP");
    }
    isThreaded = runtime == OPENMP;
    threads = isThreaded ? function(library, "omp_get_max_threads", of(JAVA_INT)) : null;
    setThreads = isThreaded ? function(library, "omp_set_num_threads", ofVoid()) : null;
    instructions = (int) functions.call(Name.GET_EFFECTIVE_CPU_ISA);
  }

  /** Looks for the library, which remains loaded if it is there. */
  public static Search search() {
    return Loaded.FOUND;
  }

  /**
   * Looks for the library.
   *
   * @param libraries loads a library by its file name, if it is there
   */
  static Search find(Function<String, Optional<SymbolLookup>> libraries) {
    for (String file : FILES) {
      Optional<SymbolLookup> library = libraries.apply(file);
      if (library.isPresent()) {
        return open(file, library.get());
      }
    }
    return Search.failed(FILES.get(0) + " was not found");
  }

  private static Search open(String file, SymbolLookup library) {
    try {
      OneDnn opened = new OneDnn(library);
      String problem = opened.problem();
      return problem == null ? new Search(opened, null) : Search.failed(problem);
    } catch (LinkageError | BackendUnavailableException e) {
      return Search.failed("%s can't be used: %s".formatted(file, e.getMessage()));
    }
  }

  private String problem() {
    if ((instructions & AMX) != AMX) {
      return name() + " finds no AMX, by which products in bfloat16 would be fast";
    }
    return BfloatTrial.succeeds(this) ? null : name() + " multiplies wrongly";
  }

  /** Returns its name and version, for people. */
  public String name() {
    return "oneDNN " + version;
  }

  /** Names what the bits of its products depend on: its version, and the instructions it uses. */
  public String arithmetic() {
    return "%s, ISA %#x".formatted(name(), instructions);
  }

  OneDnnObjects objects() {
    return new OneDnnObjects(functions);
  }

  /** What ends when it is closed, in the thread that began it. */
  interface Alone extends AutoCloseable {
    @Override
    void close();
  }

  /**
   * Has what the calling thread executes run in it alone, until what is returned is closed: so this
   * program's threads are all that there are. None is left when a run is cancelled, and as many
   * work as were asked for. OpenMP keeps the number for each calling thread, so other users of it
   * in this process notice nothing.
   */
  Alone alone() {
    if (!isThreaded) {
      return () -> {};
    }
    int before = threads.call();
    Object unused = setThreads.result(1);
    return () -> setThreads.result(before);
  }

  /** A product of small whole numbers, whose sums are exact in any order. */
  private static final class BfloatTrial {
    private static final int FEATURES = 20;
    private static final int COLUMNS = 35;

    private BfloatTrial() {}

    /** Returns whether a library gives the right product. */
    static boolean succeeds(OneDnn library) {
      int stride = BfloatTile.stride(COLUMNS);
      try (Arena arena = Arena.ofConfined();
          WorkerBuffers buffers = new WorkerBuffers();
          BfloatTile tile = new BfloatTile(library, FEATURES, COLUMNS);
          BfloatTile.Session session =
              tile.session(buffers, buffers.packed.atLeast(tile.packedBytes()))) {
        MemorySegment x = arena.allocate(JAVA_SHORT, (long) BfloatTile.ROWS * stride);
        fill(x, BfloatTile.ROWS, stride);
        fill(buffers.plain.atLeast(tile.plainBytes()), FEATURES, COLUMNS);
        session.pack();
        session.multiply(x);
        return isRight(buffers.sums.atLeast(0));
      }
    }

    private static void fill(MemorySegment matrix, int rows, int stride) {
      for (int row = 0; row < rows; row++) {
        for (int column = 0; column < COLUMNS; column++) {
          short bits = (short) DType.BF16.bits(value(row, column));
          matrix.setAtIndex(JAVA_SHORT, (long) row * stride + column, bits);
        }
      }
    }

    private static int value(int row, int column) {
      return (5 * row + 3 * column) % 17 - 8;
    }

    private static boolean isRight(MemorySegment sums) {
      for (int row = 0; row < BfloatTile.ROWS; row++) {
        for (int feature = 0; feature < FEATURES; feature++) {
          int expected = 0;
          for (int column = 0; column < COLUMNS; column++) {
            expected += value(row, column) * value(feature, column);
          }
          if (sums.getAtIndex(JAVA_FLOAT, (long) row * FEATURES + feature) != expected) {
            return false;
          }
        }
      }
      return true;
    }
  }
}
