package io.github.wandacuda.faults;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.backend.Backends;
import io.github.wandacuda.error.WandaException;
import io.github.wandacuda.job.record.Calibration;
import io.github.wandacuda.job.record.PruneRequest;
import io.github.wandacuda.job.record.RunResult;
import io.github.wandacuda.pruning.recipe.Method;
import io.github.wandacuda.testing.Directories;
import io.github.wandacuda.testing.FaultCounts;
import io.github.wandacuda.testing.GeneratedLlama;
import io.github.wandacuda.testing.PretendCuda;
import io.github.wandacuda.testing.Pruning;
import io.github.wandacuda.testing.TestData;
import io.github.wandacuda.testing.Tier;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Each call of the CUDA driver fails in turn, at each place that makes it. */
class CudaFaults {
  /** The calls that the host code makes, by the result that they fail with. */
  private static final List<String> CALLS =
      List.of(
          "cuInit 999", "cuDriverGetVersion 999",
          "cuDeviceGetCount 999", "cuDeviceGet 101",
          "cuDeviceGetName 999", "cuDeviceTotalMem 999",
          "cuDeviceGetAttribute 1", "cuDeviceGetUuid 999",
          "cuDeviceGetPCIBusId 999", "cuDevicePrimaryCtxRetain 2",
          "cuDevicePrimaryCtxRelease 999", "cuCtxSetCurrent 201",
          "cuCtxGetDevice 201", "cuCtxSynchronize 719",
          "cuModuleLoadData 218", "cuModuleGetFunction 500",
          "cuModuleUnload 999", "cuFuncGetAttribute 1",
          "cuMemGetInfo 999", "cuMemAlloc 2",
          "cuMemAlloc 719", "cuMemFree 719",
          "cuMemHostAlloc 2", "cuMemFreeHost 719",
          "cuMemcpyHtoDAsync 719", "cuMemcpyDtoHAsync 719",
          "cuMemcpyDtoDAsync 719", "cuMemcpyHtoD 719",
          "cuMemcpyDtoH 719", "cuMemcpy2DAsync 719",
          "cuMemcpy2D 719", "cuMemsetD8Async 719",
          "cuMemsetD32Async 719", "cuStreamCreate 2",
          "cuStreamSynchronize 719", "cuStreamQuery 719",
          "cuStreamWaitEvent 400", "cuStreamDestroy 999",
          "cuEventCreate 2", "cuEventRecord 400",
          "cuEventSynchronize 719", "cuEventDestroy 999",
          "cuLaunchKernel 701", "cuLaunchKernel 719");

  /**
   * What no run here needs: memory of callers, whose calls CudaDeviceSelectionTest fails, and
   * hidden states that a device has no room for, which have the events in common with it.
   */
  private static final Set<String> OF_OTHERS =
      Set.of(
          "cuEventCreate", "cuEventDestroy",
          "cuEventRecord", "cuMemcpyDtoDAsync",
          "cuPointerGetAttributes", "cuStreamWaitEvent");

  private static final Path BACKEND = Path.of("src/main/java/io/github/wandacuda/backend/cuda");
  private static final Pattern CALL = Pattern.compile("\\b(cu[A-Z]\\w+)\\(");

  /** Of a call that is made often, the first ones and then some. */
  private static final int EACH = 2;

  private static final int AT_MOST = Tier.isEach() ? 5 : 3;

  private static final Set<String> WRAPPERS = Set.of("check", "enter", "allocate");

  @TempDir Path directory;

  private PretendCuda driver;
  private Path model;
  private List<int[]> samples;

  @BeforeEach
  void start() throws IOException {
    driver = PretendCuda.start();
    GeneratedLlama llama = new GeneratedLlama(2, 32, 48, 40);
    model = llama.write(directory.resolve("model"));
    samples = TestData.tokens(llama.writeSamples(directory.resolve("samples"), 2, 12));
  }

  private RunResult prune(Method method, Path output) {
    Calibration calibration =
        method == Method.MAGNITUDE ? new Calibration.None() : Pruning.samples(samples);
    PruneRequest request = Pruning.request(output, method, Pruning.HALF, calibration, true, true);
    try (Backend backend = Backends.open("cuda", 0, 2).backend()) {
      return Pruning.prune(model, request, backend);
    }
  }

  @Test
  void everyCallFailsOnce() throws IOException {
    int faults = 0;
    Set<String> places = new TreeSet<>();
    Set<String> failed = new TreeSet<>();
    for (Method method : List.of(Method.WANDA, Method.MAGNITUDE)) {
      Path undisturbed = directory.resolve("undisturbed-" + method);
      driver = PretendCuda.start();
      prune(method, undisturbed);
      long[] made = CALLS.stream().mapToLong(call -> driver.calls(name(call))).toArray();
      for (int call = 0; call < made.length; call++) {
        for (long after : turns(made[call])) {
          failed.add(name(CALLS.get(call)));
          fail(method, CALLS.get(call), after, undisturbed, places);
          faults++;
        }
      }
    }
    FaultCounts.add(faults, "faults injected: CUDA driver calls");
    FaultCounts.add(places.size(), "places in the code where a CUDA call failed");
    assertThat(places).hasSizeGreaterThan(15);
    assertThat(failed).containsAll(callsOfTheBackend());
  }

  /** Returns the calls that stand in the backend's code, whatever this test knows of them. */
  private static Set<String> callsOfTheBackend() throws IOException {
    Set<String> calls = new TreeSet<>();
    for (Path file : Directories.files(BACKEND)) {
      CALL.matcher(Files.readString(BACKEND.resolve(file)))
          .results()
          .forEach(call -> calls.add(call.group(1)));
    }
    if (calls.remove("cuModuleLoadDataEx")) {
      // The pretended driver counts both forms as one.
      calls.add("cuModuleLoadData");
    }
    calls.removeAll(OF_OTHERS);
    // Rows this narrow need no more shared memory than all launches may have: CudaQueueTest fails
    // it.
    calls.remove("cuFuncSetAttribute");
    // It says what another call's failure means; without it there is only the number.
    calls.remove("cuGetErrorString");
    // It fails where others use the context, and only how a thread waits depends on it.
    calls.remove("cuDevicePrimaryCtxSetFlags");
    return calls;
  }

  private static String name(String call) {
    return call.substring(0, call.indexOf(' '));
  }

  /** Returns which of so many calls fail: the first, the last, and some between. */
  private static long[] turns(long calls) {
    Set<Long> turns = new TreeSet<>();
    for (long turn = 1; turn <= Math.min(calls, EACH); turn++) {
      turns.add(turn);
    }
    for (int part = 1; part <= AT_MOST - EACH && calls > EACH; part++) {
      turns.add(Math.max(1, calls * part / (AT_MOST - EACH)));
    }
    return turns.stream().mapToLong(Long::longValue).toArray();
  }

  private void fail(Method method, String call, long after, Path undisturbed, Set<String> places)
      throws IOException {
    String what = "%s: call %d of %s".formatted(method, after, call);
    Path output = directory.resolve("out");
    driver = PretendCuda.start();
    driver.fail(name(call), after, Integer.parseInt(call.substring(call.indexOf(' ') + 1)));
    Throwable thrown = catchThrowable(() -> prune(method, output));
    if (thrown != null) {
      assertThat(thrown).as(what).isInstanceOf(WandaException.class);
      assertThat(thrown.getMessage()).as(what).hasLineCount(1);
      places.add(place(thrown));
    }
    // Without its context nothing can be given back.
    assertThat(driver.outstanding().isEmpty() || call.startsWith("cuCtxSetCurrent"))
        .as("%s: %s is given back", what, driver.outstanding())
        .isTrue();
    boolean finished = Files.exists(output.resolve("wanda-cuda.json"));
    // A failure to give something back may come when all is done.
    assertThat(finished || thrown != null).as(what).isTrue();

    driver = PretendCuda.start();
    prune(method, output);
    Directories.assertSame(undisturbed, output);
    for (Path file : Directories.files(output)) {
      Files.delete(output.resolve(file));
    }
  }

  /** Returns which lines of the backend led to the call, the wrappers around it left out. */
  private static String place(Throwable thrown) {
    Throwable first = thrown;
    while (first.getCause() != null) {
      first = first.getCause();
    }
    return Arrays.stream(first.getStackTrace())
        .filter(frame -> frame.getClassName().contains(".wandacuda.backend."))
        .filter(frame -> !WRAPPERS.contains(frame.getMethodName()))
        .findFirst()
        .map(StackTraceElement::toString)
        .orElse("outside of the backend");
  }
}
