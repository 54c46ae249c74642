package io.github.wandacuda.backend.opencl;

import io.github.wandacuda.error.BackendUnavailableException;
import io.github.wandacuda.system.SignalHandlers;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.stream.Collectors;
import org.jocl.CL;
import org.jocl.cl_context;
import org.jocl.cl_device_id;
import org.jocl.cl_kernel;
import org.jocl.cl_program;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The programs and kernels of an open device, which are built at their first use. */
final class OpenClPrograms implements AutoCloseable {
  private static final String COMMON_OPTIONS = "-cl-std=CL1.2";
  private static final String ROUNDED_OPTION = "-cl-fp32-correctly-rounded-divide-sqrt";
  private static final int LOG_LINES = 3;

  /** The most work-items of a group that the kernels are written for. */
  private static final int MOST_ITEMS = 256;

  private static final Logger LOG = LoggerFactory.getLogger(OpenClPrograms.class);

  private final OpenClTarget target;
  private final cl_context context;
  private final KernelSources sources;
  private final Map<ProgramKey, cl_program> programs = new HashMap<>();
  private final Map<KernelKey, OpenClKernel> kernels = new HashMap<>();

  private record ProgramKey(String file, String options) {}

  private record KernelKey(ProgramKey program, String name) {
    KernelKey with(String option) {
      return new KernelKey(new ProgramKey(program.file(), program.options() + option), name);
    }
  }

  /**
   * Builds nothing yet.
   *
   * @param target the device to build for
   * @param context in which programs are built
   * @param sources where kernels are read from
   */
  public OpenClPrograms(OpenClTarget target, cl_context context, KernelSources sources) {
    this.target = target;
    this.context = context;
    this.sources = sources;
  }

  /** Returns programs of the same device and sources for another context. */
  public OpenClPrograms in(cl_context other) {
    return new OpenClPrograms(target, other, sources);
  }

  /**
   * Returns a kernel that is built for the largest groups for which the device has room, down to
   * {@link DeviceFacts#LEAST_GROUP}. Its source knows the number of work-items as {@code ITEMS}.
   *
   * @param file a file name under {@code kernels}
   * @param name the kernel's name in it
   * @param options compiler options in addition to those of every program
   * @throws io.github.wandacuda.error.BackendUnavailableException if the driver can't build it
   */
  public synchronized OpenClKernel kernel(String file, String name, String options) {
    return kernels.computeIfAbsent(
        new KernelKey(new ProgramKey(file, options), name), this::largest);
  }

  /**
   * Returns a kernel whose groups are one work-item; the parameters are those of {@link #kernel}.
   */
  public synchronized OpenClKernel single(String file, String name, String options) {
    return kernels.computeIfAbsent(
        new KernelKey(new ProgramKey(file, options), name), key -> create(key, 1));
  }

  private OpenClKernel largest(KernelKey key) {
    BackendUnavailableException failure = null;
    for (int items = MOST_ITEMS; items >= DeviceFacts.LEAST_GROUP; items /= 2) {
      if (items > target.facts().workGroupSize()) {
        continue;
      }
      try {
        return create(key.with(" -D ITEMS=" + items), items);
      } catch (BackendUnavailableException e) {
        LOG.debug("groups of {} work-items: {}", items, e.getMessage());
        failure = e;
      }
    }
    throw Objects.requireNonNull(failure);
  }

  /**
   * Builds a kernel. The driver may load its compiler for it, which may replace the JVM's signal
   * handlers.
   */
  private OpenClKernel create(KernelKey key, int items) {
    return SignalHandlers.kept(
        () -> create(programs.computeIfAbsent(key.program(), this::compile), key.name(), items));
  }

  private OpenClKernel create(cl_program program, String name, int items) {
    int[] status = new int[1];
    cl_kernel handle = CL.clCreateKernel(program, name, status);
    OpenClStatus.check(status[0], "clCreateKernel of " + name);
    long localBytes = OpenClInfo.localBytes(handle, target.device());
    int most = OpenClInfo.workGroupSize(handle, target.device());
    Optional<String> problem = target.facts().problem(items, most, localBytes);
    if (problem.isPresent()) {
      OpenClStatus.note(CL.clReleaseKernel(handle), "clReleaseKernel");
      throw new BackendUnavailableException(
          "%s: %s %s".formatted(target.facts().name(), name, problem.get()));
    }
    return new OpenClKernel(name, handle, items, localBytes);
  }

  private String options(String own) {
    String common =
        target.facts().roundsQuotients() ? COMMON_OPTIONS + " " + ROUNDED_OPTION : COMMON_OPTIONS;
    return own.isEmpty() ? common : common + " " + own.strip();
  }

  /**
   * Builds a program. Nothing built is stored here, since drivers such as PoCL and NVIDIA's keep a
   * cache themselves.
   */
  private cl_program compile(ProgramKey key) {
    String source = sources.program(key.file());
    String options = options(key.options());
    int[] status = new int[1];
    cl_program program =
        CL.clCreateProgramWithSource(context, 1, new String[] {source}, null, status);
    OpenClStatus.check(status[0], "clCreateProgramWithSource");
    int built =
        CL.clBuildProgram(program, 1, new cl_device_id[] {target.device()}, options, null, null);
    if (built != CL.CL_SUCCESS) {
      String log = log(program);
      CL.clReleaseProgram(program);
      throw new BackendUnavailableException(
          "OpenCL: %s (%s) can't be built for %s: %s: %s"
              .formatted(
                  key.file(), options, target.facts().name(), OpenClStatus.name(built), log));
    }
    return program;
  }

  private String log(cl_program program) {
    return OpenClInfo.buildLog(program, target.device())
        .lines()
        .filter(line -> !line.isBlank())
        .limit(LOG_LINES)
        .map(String::strip)
        .collect(Collectors.joining("; "));
  }

  @Override
  public synchronized void close() {
    for (OpenClKernel kernel : kernels.values()) {
      OpenClStatus.note(CL.clReleaseKernel(kernel.handle()), "clReleaseKernel");
    }
    for (cl_program program : programs.values()) {
      OpenClStatus.note(CL.clReleaseProgram(program), "clReleaseProgram");
    }
    kernels.clear();
    programs.clear();
  }
}
