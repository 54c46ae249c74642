package io.github.wandacuda.testing;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The pretend device without its driver, in processes of their own, which it may end. */
@Tag("gpu")
@Tag("pretend")
@Execution(ExecutionMode.CONCURRENT)
@Thorough
class PretendDeviceTest {
  private static final Path DIRECTORY = Path.of("target", "pretend-cuda-selftest");
  private static final Path CHECKED = Path.of("target", "pretend-cuda-selftest-asan");
  private static final long SECONDS = 60;
  private static final int ABORTED = 134;

  @BeforeAll
  static void build() throws IOException {
    PretendCudaBuild.assumePossible();
    List<String> options =
        List.of(
            "--kernels", PretendCudaBuild.SELFTEST.toString(),
            "--program", PretendCudaBuild.SELFTEST.resolve("selftest.cpp").toString());
    PretendCudaBuild.run(DIRECTORY, options);
  }

  private static Ended run(Path directory, String name) throws IOException {
    return Command.of(directory.resolve("selftest").toString(), name).within(SECONDS).run();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"basics", "warps", "atomics", "garbage", "orders", "products", "accumulators"})
  void computesAsCudaDoesInEveryOrder(String name) throws IOException {
    assertThat(run(DIRECTORY, name)).isEqualTo(new Ended(0, "", ""));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "0 | 1 threads have ended: 3",
        "1 | 32 threads wait in __ballot_sync with the mask ffffffff at refused.cu:15: 16 17",
        "2 | __shfl_sync with the mask 0000ffff, which leaves out the lane that calls",
        "3 | shuffle with a width of 12",
        "4 | misaligned access to 'const struct uint4'",
        "5 | index 40 is outside of 'unsigned int [40]'",
        "6 | 32 threads wait in __syncwarp with the mask ffffffff at refused.cu:34",
        "8 | is not in shared memory",
        "10 | 32 threads wait in __syncwarp with the mask ffffffff at refused.cu:51: 0 1",
        "10 | 32 threads wait in __syncwarp with the mask ffffffff at refused.cu:54: 16 17",
        "14 | 32 threads wait in ldmatrix with the mask ffffffff at refused.cu:71: 16 17",
        "15 | 32 threads wait in mma.m16n8k8.f16 with the mask ffffffff at refused.cu:80: 16 17",
      })
  void refusesWhatADeviceWouldHangOrFailOn(int what, String message) throws IOException {
    Ended outcome = run(DIRECTORY, "refused-" + what);
    assertThat(outcome.said()).contains(message).contains("in kernel refused, thread (");
    assertThat(outcome.exitCode()).isEqualTo(ABORTED);
  }

  /** Address first; what the others say names the thread. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "9 | heap-buffer-overflow",
        "11 | a shift by less than 0 or by as many bits as there are",
        "12 | a sum is beyond its type",
        "13 | a number is beyond the integers that it is cast to",
      })
  void sanitizersSeeWhatIsUndefined(int what, String message) throws IOException {
    PretendCudaBuild.run(
        CHECKED,
        List.of(
            "--asan",
            "--kernels",
            PretendCudaBuild.SELFTEST.toString(),
            "--program",
            PretendCudaBuild.SELFTEST.resolve("selftest.cpp").toString()));
    assertThat(run(CHECKED, "basics")).isEqualTo(new Ended(0, "", ""));
    Ended outcome = run(CHECKED, "refused-" + what);
    assertThat(outcome.said()).contains(message).contains("refused.cu");
    assertThat(outcome.exitCode()).isNotZero();
  }
}
