package io.github.wandacuda.backend.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.backend.BackendProvider;
import io.github.wandacuda.backend.Backends;
import io.github.wandacuda.backend.DeviceDescription;
import io.github.wandacuda.error.BackendUnavailableException;
import io.github.wandacuda.select.cpu.CpuSelector;
import io.github.wandacuda.testing.ChildJvm;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CpuBackendProviderTest {
  private static final String WARNING = "slow without the Vector API";

  @Test
  void theProcessorIsTheLastBackendOfAll() {
    List<BackendProvider> providers = Backends.providers();
    assertThat(providers.getLast()).isInstanceOf(CpuBackendProvider.class);
    assertThat(providers.getLast().name()).isEqualTo("cpu");
  }

  @Test
  void theOneDeviceTellsItsThreadsAndVectors() {
    List<DeviceDescription> devices = new CpuBackendProvider().devices();
    assertThat(devices).hasSize(1);
    assertThat(devices.getFirst().index()).isZero();
    assertThat(devices.getFirst().usable()).isTrue();
    assertThat(devices.getFirst().name()).isNotBlank();
    assertThat(devices.getFirst().reason())
        .matches(
            "\\d+ threads, (128|256|512)-bit vectors, packed weights"
                + " (expanded in 512-bit vectors|unpacked, since the processor doesn't expand"
                + " vectors)");
  }

  @Test
  void anOpenDeviceTakesAsManyCallsAsThreads() {
    try (Backend backend = new CpuBackendProvider().open(0, 3)) {
      assertThat(backend.name()).isEqualTo("cpu");
      assertThat(backend.concurrency()).isEqualTo(3);
      assertThat(backend.selector()).isInstanceOf(CpuSelector.class);
    }
  }

  @Test
  void thereIsNoSecondDevice() {
    assertThatThrownBy(() -> new CpuBackendProvider().open(1, 1))
        .isInstanceOf(BackendUnavailableException.class)
        .hasMessage("cpu has no device 1, only 0");
  }

  @Test
  void withoutTheVectorModuleItWorksAndSaysOnceWhatToDo(@TempDir Path directory) throws Exception {
    ChildJvm child = ChildJvm.run(directory, List.of(), SelectOnce.class);
    assertThat(child.exitCode()).as(child.output()).isZero();
    assertThat(child.output())
        .containsOnlyOnce(WARNING)
        .contains("scalar: start Java with --add-modules jdk.incubator.vector")
        .contains("[0.0, 0.0, 3.0, 4.0]");
  }

  @Test
  void withTheVectorModuleThereIsNothingToWarnOf(@TempDir Path directory) throws Exception {
    List<String> options = List.of("--add-modules=" + KernelChoice.VECTOR_MODULE);
    ChildJvm child = ChildJvm.run(directory, options, SelectOnce.class);
    assertThat(child.exitCode()).as(child.output()).isZero();
    assertThat(child.output()).doesNotContain(WARNING).contains("[0.0, 0.0, 3.0, 4.0]");
  }
}
