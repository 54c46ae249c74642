package io.github.wandacuda.backend.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.scalar.AllKernels;
import io.github.wandacuda.system.ThisRuntime;
import io.github.wandacuda.testing.Command;
import io.github.wandacuda.testing.Ended;
import io.github.wandacuda.testing.FirstCases;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

@DisabledOnOs(value = OS.WINDOWS, disabledReason = "a mapped file can't be made shorter there")
class TruncatedMappingTest {
  @ParameterizedTest
  @EnumSource(names = {"SCALAR", "VECTOR_256"})
  @FirstCases(1)
  void aFileThatShrinksUnderItsMappingIsAnOrdinaryError(AllKernels kernels, @TempDir Path directory)
      throws Exception {
    List<String> options = List.of("--add-modules=" + ThisRuntime.VECTOR_MODULE);
    Ended child =
        Command.main(options, TruncatedMapping.class, kernels.name())
            .in(directory)
            .run()
            .succeeds();
    assertThat(child.said())
        .contains(
            "caught: select",
            "caught: select in place",
            "caught: select a transposed view",
            "caught: magnitudes",
            "alive: 153600")
        .doesNotContain("no error");
  }
}
