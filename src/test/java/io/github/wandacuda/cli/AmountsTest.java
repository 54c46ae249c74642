package io.github.wandacuda.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.testing.TestData;
import java.nio.file.Path;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Amounts that make no sense are refused before anything is read or written. */
class AmountsTest {
  @TempDir Path directory;

  private Cli.Result prune(String option, String value) {
    return InProcess.run(
        "prune",
        "--model",
        TestData.TINY_LLAMA,
        "--output",
        directory.resolve("out"),
        "--method",
        "magnitude",
        "--dry-run",
        "--json",
        "--backend",
        "cpu",
        option + "=" + value);
  }

  private void assertRefused(String option, String value) {
    Cli.Result result = prune(option, value);
    assertThat(result.exitCode()).as(result.err()).isEqualTo(2);
    assertThat(result.out()).isEmpty();
    assertThat(result.err())
        .contains("expected")
        .contains(value.strip())
        .doesNotContain("Exception");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "0:4",
        "4:4",
        "5:4",
        "2:0",
        "0:0",
        "0:1",
        "1:1",
        "-1:4",
        "2:-4",
        "2:4:8",
        "2/4",
        "2",
        ":4",
        "2:",
        "2.0:4",
        "+2:4",
        " 2:4",
        "2 :4",
        "99999999999:4",
        "2:99999999999",
        "1000000:1000001",
        "0x2:4",
        "٢:٤",
        "2:4\n",
        "two:four",
        "NaN:4"
      })
  void patterns(String pattern) {
    assertRefused("--pattern", pattern);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "NaN",
        "nan",
        "Infinity",
        "inf",
        "-Infinity",
        "1",
        "1.0",
        "1.5",
        "2",
        "50",
        "-0.1",
        "-1",
        "1e400",
        "1e-400",
        "-1e-400",
        "0.99999999999999999999",
        "0x1p-1",
        "0.5f",
        "0.5d",
        ".",
        "e",
        "1e",
        "0.5.5",
        "half",
        "1e999999999",
        "1e99999999999",
        "٠.٥"
      })
  void fractions(String fraction) {
    assertRefused("--sparsity", fraction);
  }

  @ParameterizedTest
  @ValueSource(strings = {"0", "-0.0", "0.5", ".5", "5e-1", "0.", "+0.5", "0.9999999"})
  void fractionsThatMakeSense(String fraction) {
    Cli.Result result = prune("--sparsity", fraction);
    assertThat(result.exitCode()).as(result.err()).isZero();
    assertThat(result.json().get("amount").asText()).doesNotContain("-");
  }
}
