package io.github.wandacuda.system;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class ThisRuntimeTest {
  @Test
  void theTestsRunWithTheVectorModule() {
    assertThat(ThisRuntime.hasResolved("jdk.incubator.vector")).isTrue();
    assertThat(ThisRuntime.contains("jdk.incubator.vector")).isTrue();
    assertThat(ThisRuntime.hasNativeAccess()).isTrue();
  }

  @Test
  void knowsWhatIsMissing() {
    assertThat(ThisRuntime.hasResolved("no.such.module")).isFalse();
    assertThat(ThisRuntime.contains("no.such.module")).isFalse();
  }
}
