package io.github.wandacuda.testing;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;

/**
 * A CUDA driver that runs the project's kernels on the CPU: {@code src/test/pretend-cuda}, built
 * with g++ into {@code target/pretend-cuda}. Loading it makes it the {@code libcuda.so.1} of this
 * JVM, for good; so tests that do carry the tag {@code gpu}.
 */
public final class PretendCuda implements AutoCloseable {
  /** In which order the threads of a block take turns. */
  public enum Order {
    FORWARD,
    REVERSE,
    SHUFFLED
  }

  private static final List<String> RESOURCES =
      List.of(
          "buffers bufferBytes pinned streams events modules contexts cublasHandles".split(" "));

  /** Where it is built. */
  public static final Path DIRECTORY = Path.of("target", "pretend-cuda");

  private static final Path DAMAGED = Path.of("target", "pretend-cuda-damaged");

  private final SymbolLookup library;

  private PretendCuda(Path directory) {
    Path driver = directory.resolve("libcuda.so.1").toAbsolutePath();
    System.load(driver.toString());
    library = SymbolLookup.libraryLookup(driver, Arena.global());
  }

  private static final class Loaded {
    static final PretendCuda INSTANCE = new PretendCuda(buildAll());

    private static Path buildAll() {
      // Asked before this one is found instead.
      CudaDriver.isThere();
      try {
        build();
        return DIRECTORY;
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
  }

  /**
   * Builds the driver and all kernels, for a process that loads them. All have the same options, so
   * that none builds anew what another has built and may have loaded.
   *
   * @param more options of the script
   */
  public static void build(String... more) throws IOException {
    List<String> options = new ArrayList<>(PretendCudaBuild.shipped());
    options.addAll(List.of("--kernels", PretendCudaBuild.SELFTEST.toString()));
    if (!Tier.isAll()) {
      // Kernels run a little longer, but are built in half of the time.
      options.add("--plain");
    }
    options.addAll(List.of(more));
    PretendCudaBuild.run(DIRECTORY, options);
  }

  /**
   * Returns the driver as it starts: one device, nothing allocated, counted or about to fail. Skips
   * the test, with the reason, where it can't be built.
   */
  public static PretendCuda start() {
    PretendCudaBuild.assumePossible();
    PretendCuda driver = Loaded.INSTANCE;
    driver.call("pretendReset", FunctionDescriptor.ofVoid());
    return driver;
  }

  /** Checks that all was given back, and sets the driver back to how it starts. */
  @Override
  public void close() {
    assertThat(outstanding()).isEmpty();
    PretendCuda unused = start();
  }

  /** Makes the pretended cuBLAS the {@code libcublas.so.12} of this JVM, for good. */
  public void loadCublas() {
    System.load(DIRECTORY.resolve("cublas").resolve("libcublas.so.12").toAbsolutePath().toString());
  }

  /** Sets the number of devices. Like all settings it holds until the next {@link #start}. */
  public void devices(int count) {
    set("pretendSetDevices", count);
  }

  /** Sets all devices' compute capability, times 10. */
  public void capability(int capability) {
    set("pretendSetCapability", capability);
  }

  /** Sets the CUDA version that the driver supports: 12040 is 12.4. */
  public void driverVersion(int version) {
    set("pretendSetDriverVersion", version);
  }

  /** Sets how many multiprocessors each device has. */
  public void multiprocessors(int count) {
    set("pretendSetMultiprocessors", count);
  }

  /** Sets each device's memory, of which a context takes some and buffers take whole pieces. */
  public void memory(long bytes) {
    call("pretendSetMemory", FunctionDescriptor.ofVoid(ValueLayout.JAVA_LONG), bytes);
  }

  /**
   * Sets all devices' compute mode, before they are opened.
   *
   * @param mode a {@code CUcomputemode}
   */
  public void computeMode(int mode) {
    set("pretendSetMode", mode);
  }

  /** Sets how many threads run the blocks of a grid. */
  public void hostThreads(int threads) {
    set("pretendSetHostThreads", threads);
  }

  /** Sets in which order threads and blocks take turns; each launch adds 1 to the seed. */
  public void order(Order order, long seed) {
    call(
        "pretendSetOrder",
        FunctionDescriptor.ofVoid(ValueLayout.JAVA_INT, ValueLayout.JAVA_LONG),
        order.ordinal(),
        seed);
  }

  /** Sets whether queued work isn't done before somebody waits for it. */
  public void deferred(boolean deferred) {
    set("pretendSetDeferred", deferred ? 1 : 0);
  }

  /** Lets streams do their work when it is queued, but for the first ones that are created. */
  public void eagerAfter(int streams) {
    set("pretendSetEagerAfter", streams);
  }

  /**
   * Makes a call fail once. Where a device doesn't recover from the result, a launch fails when it
   * is run, and all calls fail alike until the context is gone.
   *
   * @param name of the driver's function, without {@code _v2}
   * @param after which of the following calls fails, counted from 1; 0 for none, -1 for all
   * @param result a {@code CUresult}
   */
  public void fail(String name, long after, int result) {
    try (Arena arena = Arena.ofConfined()) {
      call(
          "pretendFail",
          FunctionDescriptor.ofVoid(
              ValueLayout.ADDRESS, ValueLayout.JAVA_LONG, ValueLayout.JAVA_INT),
          arena.allocateFrom(name),
          after,
          result);
    }
  }

  /**
   * Builds a kernel with a change and takes it until that is closed, for backends that are opened
   * meanwhile.
   *
   * @param kernel its file's name, without the ending
   * @param file where the change is: the kernel's file or one that it includes
   */
  public static AutoCloseable damaged(String kernel, String file, String sound, String damaged)
      throws IOException {
    PretendCuda driver = start();
    Path sources = Files.createTempDirectory("damaged");
    PretendCudaBuild.copy(kernel, sources);
    Path source = sources.resolve(file);
    String text = Files.readString(source);
    assertThat(text).contains(sound);
    Files.writeString(source, text.replace(sound, damaged));
    PretendCudaBuild.run(
        DAMAGED, List.of("--plain", "--only", "80", "--kernels", sources.toString()));
    Directories.remove(sources);
    // A library whose path is that of one before isn't loaded.
    Files.createDirectory(sources);
    Files.copy(DAMAGED.resolve("kernels").resolve(kernel + ".so"), sources.resolve(kernel + ".so"));
    driver.takeKernels(sources.toString());
    return () -> {
      driver.takeKernels(null);
      Directories.remove(sources);
    };
  }

  private void takeKernels(String directory) {
    try (Arena arena = Arena.ofConfined()) {
      call(
          "pretendReplaceKernels",
          FunctionDescriptor.ofVoid(ValueLayout.ADDRESS),
          directory == null ? MemorySegment.NULL : arena.allocateFrom(directory));
    }
  }

  /** Returns what was not given back so far, by its kind; empty where all was. */
  public Map<String, Long> outstanding() {
    Map<String, Long> outstanding = new TreeMap<>();
    for (String kind : RESOURCES) {
      long count = ask("pretendOutstanding", kind);
      if (count != 0) {
        outstanding.put(kind, count);
      }
    }
    return outstanding;
  }

  /** Returns how often a call was made that can be made to {@link #fail}. */
  public long calls(String name) {
    return ask("pretendCalls", name);
  }

  /** Returns how often a kernel was launched. */
  public long launches(String kernel) {
    return ask("pretendLaunches", kernel);
  }

  /** Returns how many kernels were launched. */
  public long launches() {
    return (long)
        call(
            "pretendLaunches",
            FunctionDescriptor.of(ValueLayout.JAVA_LONG, ValueLayout.ADDRESS),
            MemorySegment.NULL);
  }

  /** Returns how many kernels were launched on a device. */
  public long launchesOn(int device) {
    return (long)
        call(
            "pretendLaunchesOn",
            FunctionDescriptor.of(ValueLayout.JAVA_LONG, ValueLayout.JAVA_INT),
            device);
  }

  /** Takes down what crosses the bus from now on, and forgets what did before. */
  public void traceTraffic() {
    call("pretendTraffic", FunctionDescriptor.ofVoid());
  }

  /**
   * Returns how many bytes were queued to cross the bus since {@link #traceTraffic}.
   *
   * @param what {@code upBytes}, {@code downBytes}, {@code pageableBytes} of memory that isn't
   *     pinned, {@code upOverlapped} or {@code downOverlapped}: from or to pinned memory, where
   *     nothing orders the copy and some kernel
   */
  public long traffic(String what) {
    return ask("pretendTrafficSum", what);
  }

  private void set(String function, int value) {
    call(function, FunctionDescriptor.ofVoid(ValueLayout.JAVA_INT), value);
  }

  private long ask(String function, String name) {
    try (Arena arena = Arena.ofConfined()) {
      MemoryLayout text = ValueLayout.ADDRESS;
      return (long)
          call(
              function,
              FunctionDescriptor.of(ValueLayout.JAVA_LONG, text),
              arena.allocateFrom(name));
    }
  }

  private Object call(String function, FunctionDescriptor type, Object... arguments) {
    try {
      return Linker.nativeLinker()
          .downcallHandle(library.find(function).orElseThrow(), type)
          .invokeWithArguments(arguments);
    } catch (RuntimeException | Error e) {
      throw e;
    } catch (Throwable e) {
      throw new IllegalStateException(String.format(Locale.ROOT, "%s failed", function), e);
    }
  }
}
