package io.github.wandacuda.launcher;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class KernelOptionsTest {
  private static final String COLLECTOR = "-XX:+UseSerialGC";
  private static final String QUIET = "-XX:CompileCommand=quiet";

  @Test
  void allOfThemBesideNone() {
    assertThat(KernelOptions.beside(List.of(""), true)).hasSize(4).startsWith(COLLECTOR, QUIET);
  }

  @Test
  void littleIsCompiledWithoutKernels() {
    assertThat(KernelOptions.beside(List.of(""), false))
        .containsExactly(COLLECTOR, "-XX:TieredStopAtLevel=1");
    assertThat(KernelOptions.beside(List.of("-Xint"), false)).containsExactly(COLLECTOR);
  }

  @ParameterizedTest
  @ValueSource(strings = {"-Xmx300m", "-Xlog:gc", "-Dmail=a@b", "-XX:+UseLargePages", "-ea -Da=G1"})
  void allOfThemBesideOthers(String users) {
    assertThat(KernelOptions.beside(List.of("-jar", users), true)).hasSize(4);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "-XX:+UseG1GC", "-XX:-UseG1GC", "-XX:+UseZGC",
        "-XX:+UseSerialGC", "-XX:MaxGCPauseMillis=5", "-XX:G1HeapRegionSize=1m",
        "-Da=1 -XX:+UseParallelGC -ea"
      })
  void theUsersCollectorWins(String users) {
    assertThat(KernelOptions.beside(List.of("-ea", users), true))
        .hasSize(3)
        .doesNotContain(COLLECTOR);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "-XX:CompileCommand=print,a.B::c", "-XX:CompileCommandFile=f", "-XX:CompileThreshold=9",
        "-XX:-BackgroundCompilation", "-XX:-TieredCompilation", "-XX:TieredStopAtLevel=1",
        "-Xint", "-Xcomp", "-ea -Xbatch"
      })
  void theUsersCompilerWins(String users) {
    assertThat(KernelOptions.beside(List.of(users), true)).containsExactly(COLLECTOR);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"@more", "-ea @more", "-XX:Flags=f", "-XX:VMOptionsFile=f", "-Xint -XX:+UseZGC"})
  void noneBesideFilesThatMayHoldAny(String users) {
    assertThat(KernelOptions.beside(List.of(users), true)).isEmpty();
  }
}
