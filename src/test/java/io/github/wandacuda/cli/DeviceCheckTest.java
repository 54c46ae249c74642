package io.github.wandacuda.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.backend.check.BackendCheck;
import io.github.wandacuda.backend.cuda.PretendedCuda;
import io.github.wandacuda.forward.Precision;
import io.github.wandacuda.testing.Directories;
import io.github.wandacuda.testing.Ended;
import io.github.wandacuda.testing.PretendCuda;
import io.github.wandacuda.testing.Pruning;
import io.github.wandacuda.testing.Thorough;
import io.github.wandacuda.testing.backend.Gpu;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import jcuda.driver.CUresult;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** {@code devices --check}. */
@Tag("gpu")
class DeviceCheckTest {
  private static final Path GENERATED = Path.of("kernels/generated");
  private static final Pattern KERNEL = Pattern.compile("\\.visible \\.entry (\\w+)\\(");

  private static Ended check(Object... more) {
    return InProcess.run("devices", "--check", more);
  }

  @ParameterizedTest
  @EnumSource
  void aSoundDevicePasses(Gpu gpu) {
    gpu.open().close();
    String name = gpu.name().toLowerCase(Locale.ROOT);
    Ended result = check("--backend", name, "--device", 0);
    assertThat(result.err()).isEmpty();
    assertThat(result.exitCode()).isZero();
    assertThat(result.out())
        .startsWith(name + " 0, ")
        .contains("\n  attention: heads of 80: agrees\n")
        .endsWith(" kernels checked\n")
        .doesNotContain("differs");
  }

  @Test
  @Tag("pretend")
  void everyKernelIsLaunched() throws IOException {
    PretendCuda driver = PretendCuda.start();
    Set<String> kernels = new TreeSet<>();
    for (Path file : Directories.files(GENERATED)) {
      Matcher kernel = KERNEL.matcher(Files.readString(GENERATED.resolve(file)));
      kernel.results().map(found -> found.group(1)).forEach(kernels::add);
    }
    assertThat(kernels).hasSizeGreaterThan(80);
    for (Precision precision : Precision.values()) {
      try (Backend cuda = PretendedCuda.open(80, precision);
          Backend cpu = Pruning.cpu(1)) {
        assertThat(BackendCheck.run(cuda, cpu, new BackendCheck.Listener() {})).isZero();
        kernels.removeIf(name -> driver.launches(name) > 0);
      }
    }
    assertThat(kernels)
        .as("of callers' memory, of cuBLAS")
        .containsExactlyInAnyOrder(
            ("inspect_rows_f32 inspect_rows_f16 inspect_rows_bf16 column_squares_runs_f16"
                    + " column_squares_runs_bf16 linear_epilogue")
                .split(" "));
  }

  @ParameterizedTest
  @CsvSource({
    "rms_norm, rms_norm.cu, sum += value, sum -= value, rms_norm",
    "select_rows, window_select.cuh, threshold = guess.threshold;,"
        + " threshold = guess.threshold; threshold.key = 0u;, select_rows: lowest of many rows",
  })
  @Tag("pretend")
  @Thorough
  void aDamagedKernelHasItsName(
      String kernel, String file, String sound, String damaged, String name) throws Exception {
    try (AutoCloseable kernels = PretendCuda.damaged(kernel, file, sound, damaged);
        Backend unused = Gpu.CUDA.open()) {
      Ended result = check("--backend", "cuda");
      assertThat(result.out()).contains("  " + name).contains(": differs, result ");
      result.isRefused(4, " kernels differ from the CPU's or fail");
    }
  }

  @Test
  @Tag("pretend")
  void aKernelThatFailsHasItsName() {
    PretendCuda driver = PretendCuda.start();
    driver.fail("cuLaunchKernel", 5, CUresult.CUDA_ERROR_ILLEGAL_ADDRESS);
    Ended result = check("--backend", "cuda");
    assertThat(result.out())
        .contains(
            "  select_rows: lowest of 17001 columns, F32: failed, cuda device 0 (Pretend GPU sm_80): the device"
                + " was lost, as seen by ");
    result.isRefused(4, "1 of 5 kernels differ from the CPU's or fail");
  }

  @Test
  void withoutSuchADeviceThatIsSaid() {
    check("--device", 7).isRefused(4, "no usable device of number 7");
    check("--backend", "cpu").isRefused(2, "it is what the others are compared with");
    check("--backend", "gpu").isRefused(2, "one of cuda, opencl, cpu, found 'gpu'");
  }
}
