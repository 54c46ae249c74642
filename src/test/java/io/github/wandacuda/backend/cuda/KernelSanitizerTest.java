package io.github.wandacuda.backend.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.testing.Command;
import io.github.wandacuda.testing.Ended;
import io.github.wandacuda.testing.PretendCudaBuild;
import io.github.wandacuda.testing.Thorough;
import io.github.wandacuda.testing.backend.BesideCuda;
import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Kernels once more, under sanitizers of addresses and of what is undefined, on memory without
 * room.
 */
@BesideCuda
@Tag("pretend")
@Thorough
class KernelSanitizerTest {
  private static final long SECONDS = 200;

  @ParameterizedTest
  @CsvSource({
    "pruning, 75, select_groups_large_bf16",
    "forward, 20, linear_tensor linear_tensor_fast linear_float linear_split_bf16",
    "decoder, 20, attention_64 attention_128 attention_256 gate_gelu layer_norm add_rows route"
  })
  void readAndWriteNothingElse(String program, String rounds, String kernels) throws IOException {
    PretendCudaBuild.assumePossible();
    Path built = PretendCudaBuild.check("pretend-cuda-asan", "--asan", program);
    Ended outcome = Command.of(built, rounds).within(SECONDS).run();
    assertThat(outcome.said()).contains("\n0 failures").contains(kernels.split(" "));
    assertThat(outcome.exitCode()).isZero();
  }
}
