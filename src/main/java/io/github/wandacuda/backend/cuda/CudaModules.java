package io.github.wandacuda.backend.cuda;

import io.github.wandacuda.backend.gpu.GpuDevice;
import io.github.wandacuda.error.BackendUnavailableException;
import io.github.wandacuda.error.Printable;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import jcuda.driver.CUfunction;
import jcuda.driver.CUjit_option;
import jcuda.driver.CUmodule;
import jcuda.driver.JCudaDriver;

/** The kernel files that are loaded on a device, each once, when it is first needed. */
final class CudaModules implements AutoCloseable {
  /** The lowest compute capability that kernels are built for, times 10. */
  static final int LOWEST = 75;

  private static final int TENSOR_BF16 = 80;
  private static final int LOG_BYTES = 8192;

  private final CudaContext context;
  private final int capability;
  private final Map<String, CUmodule> modules = new HashMap<>();
  private final Map<String, CudaFunction> functions = new HashMap<>();

  public CudaModules(CudaContext context, int capability) {
    this.context = context;
    this.capability = capability;
  }

  /**
   * Returns a kernel, which is loaded at the first call.
   *
   * @param file its file's name, without the ending
   * @param name the kernel's name in the file
   * @throws io.github.wandacuda.error.BackendUnavailableException if the driver can't load the file
   */
  public synchronized CudaFunction function(String file, String name) {
    return functions.computeIfAbsent(file + '/' + name, key -> find(file, name));
  }

  private CudaFunction find(String file, String name) {
    context.enter();
    CUmodule module = modules.computeIfAbsent(file, this::load);
    CUfunction function = new CUfunction();
    context.check(
        JCudaDriver.cuModuleGetFunction(function, module, name),
        () -> "cuModuleGetFunction of %s in %s".formatted(name, file));
    return new CudaFunction(context, name, function);
  }

  private CUmodule load(String file) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment log = arena.allocate(LOG_BYTES);
      MemorySegment values = arena.allocateFrom(ValueLayout.JAVA_LONG, log.address(), LOG_BYTES);
      int[] options = {
        CUjit_option.CU_JIT_ERROR_LOG_BUFFER, CUjit_option.CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES
      };
      CUmodule module = new CUmodule();
      int result =
          JCudaDriver.cuModuleLoadDataEx(
              module,
              CudaBuffer.pointer(text(file, arena)),
              options.length,
              options,
              CudaBuffer.pointer(values));
      // After a failure the handle is undefined (JCuda copies it from its stack) and can't be
      // unloaded.
      context.check(result, () -> "cuModuleLoadDataEx of %s%s".formatted(file, firstLine(log)));
      return module;
    }
  }

  private static String firstLine(MemorySegment log) {
    log.set(ValueLayout.JAVA_BYTE, LOG_BYTES - 1, (byte) 0);
    return log.getString(0)
        .lines()
        .findFirst()
        .map(line -> " (%s)".formatted(Printable.of(line.strip())))
        .orElse("");
  }

  /**
   * Returns the names of PTX files that a device can run, the best one first.
   *
   * @param file a kernel file's name, without the ending
   * @param capability the device's compute capability times 10
   */
  static Stream<String> resources(String file, int capability) {
    return IntStream.of(TENSOR_BF16, LOWEST)
        .filter(built -> built <= capability)
        .mapToObj(built -> "%s.sm_%d.ptx".formatted(file, built));
  }

  /** Reads a kernel file's PTX, which ends with a zero byte. */
  private MemorySegment text(String file, Arena arena) {
    try (InputStream resource =
        resources(file, capability)
            .map(GpuDevice::kernelFile)
            .filter(Objects::nonNull)
            .findFirst()
            .orElseThrow(
                () ->
                    new BackendUnavailableException(
                        "%s: this build has no kernel file %s for compute capability %d.%d"
                            .formatted(context.name(), file, capability / 10, capability % 10)))) {
      return arena.allocateFrom(new String(resource.readAllBytes(), StandardCharsets.UTF_8));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Unloads all files, unless the device is lost. */
  @Override
  public synchronized void close() {
    if (context.tryEnter()) {
      modules.values().forEach(JCudaDriver::cuModuleUnload);
    }
    modules.clear();
    functions.clear();
  }
}
