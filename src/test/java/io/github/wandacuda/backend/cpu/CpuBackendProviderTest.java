package io.github.wandacuda.backend.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.wandacuda.DType;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.backend.BackendProvider;
import io.github.wandacuda.backend.Backends;
import io.github.wandacuda.backend.DeviceDescription;
import io.github.wandacuda.error.BackendUnavailableException;
import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.forward.Precision;
import io.github.wandacuda.forward.Weight;
import io.github.wandacuda.scalar.CpuTensor;
import io.github.wandacuda.scalar.Samples;
import io.github.wandacuda.system.ThisRuntime;
import io.github.wandacuda.testing.Command;
import io.github.wandacuda.testing.Ended;
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
  void theOneDeviceTellsItsThreads() {
    List<DeviceDescription> devices = new CpuBackendProvider().devices();
    assertThat(devices).hasSize(1);
    assertThat(devices.getFirst().index()).isZero();
    assertThat(devices.getFirst().usable()).isTrue();
    assertThat(devices.getFirst().name()).isNotBlank();
    assertThat(devices.getFirst().reason()).matches("\\d+ threads");
  }

  @Test
  void aFewWeightsAreNotWorthTheVectorKernels() {
    try (Backend backend = new CpuBackendProvider().open(0, 1)) {
      assertThat(backend.selector(149_999_999)).isNotSameAs(backend.selector());
      assertThat(backend.selector(150_000_000)).isSameAs(backend.selector());
    }
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
  void theListOfDevicesTellsOfVectors() {
    String plain = new CpuBackendProvider().devices().getFirst().reason();
    assertThat(new CpuBackendProvider().listing())
        .singleElement()
        .satisfies(
            device ->
                assertThat(device.reason().substring(plain.length()))
                    .matches(
                        ", (128|256|512)-bit vectors, packed weights (expanded in 512-bit vectors|"
                            + "unpacked, since the processor doesn't expand vectors)"));
  }

  /** So a run that is resumed with the other precision is the same. */
  @Test
  void precisionFastChangesNoBit() {
    CpuBackendProvider provider = new CpuBackendProvider();
    try (Backend usual = provider.open(0, 1, Precision.HIGH);
        Backend fast = provider.open(0, 1, Precision.FAST)) {
      assertThat(fast.arithmetic()).isEqualTo("cpu");
      assertThat(fast.precision()).isEmpty();
      for (DType dtype : DType.values()) {
        assertThat(multiplied(fast, dtype)).as("%s", dtype).isEqualTo(multiplied(usual, dtype));
      }
    }
  }

  private static int[] multiplied(Backend backend, DType dtype) {
    Samples samples = new Samples(1);
    WeightMatrix matrix = samples.weight(dtype, 40, 300, Samples.Layout.ROWS);
    Operations operations = backend.operations();
    try (Weight weight = operations.weight(matrix)) {
      CpuTensor out = CpuTensor.zeros(9, 40);
      operations.linear(samples.tensor(9, 300), weight, null, out);
      return Samples.bits(out);
    }
  }

  @Test
  void withoutTheVectorModuleItWorksAndSaysOnceWhatToDo(@TempDir Path directory) throws Exception {
    Ended child = Command.main(List.of(), SelectOnce.class).in(directory).run().succeeds();
    assertThat(child.said())
        .containsOnlyOnce(WARNING)
        .contains("scalar: start Java with --add-modules jdk.incubator.vector")
        .contains("[0.0, 0.0, 3.0, 4.0]");
  }

  @Test
  void withTheVectorModuleThereIsNothingToWarnOf(@TempDir Path directory) throws Exception {
    List<String> options = List.of("--add-modules=" + ThisRuntime.VECTOR_MODULE);
    Ended child = Command.main(options, SelectOnce.class).in(directory).run().succeeds();
    assertThat(child.said()).doesNotContain(WARNING).contains("[0.0, 0.0, 3.0, 4.0]");
  }
}
