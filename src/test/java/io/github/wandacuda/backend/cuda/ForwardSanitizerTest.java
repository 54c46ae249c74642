package io.github.wandacuda.backend.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.testing.PretendCudaBuild;
import io.github.wandacuda.testing.ProcessOutcome;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** The kernels of the forward pass once more, under AddressSanitizer and on memory without room. */
@Tag("gpu")
@Tag("pretend")
class ForwardSanitizerTest {
  private static final Path PROGRAM = Path.of("src/test/pretend-cuda/checks/forward.cpp");
  private static final Path OUT = Path.of("target", "pretend-cuda-asan");
  private static final long SECONDS = 200;

  @Test
  void readsAndWritesNothingElse() throws IOException {
    PretendCudaBuild.assumePossible();
    PretendCudaBuild.run(OUT, List.of("--asan", "--program", PROGRAM.toString()));
    ProcessOutcome outcome =
        ProcessOutcome.of(List.of(OUT.resolve("forward").toString(), "40"), SECONDS);
    assertThat(outcome.output())
        .contains("\n0 failures")
        .contains("linear_tensor_bf16", "linear_float_f32", "attention_256", "split_f16");
    assertThat(outcome.exitCode()).isZero();
  }
}
