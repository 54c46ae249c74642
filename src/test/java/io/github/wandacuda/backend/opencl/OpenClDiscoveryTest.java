package io.github.wandacuda.backend.opencl;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.wandacuda.backend.BackendProvider;
import io.github.wandacuda.backend.Backends;
import io.github.wandacuda.backend.DeviceDescription;
import io.github.wandacuda.error.BackendUnavailableException;
import java.util.List;
import org.jocl.CL;
import org.junit.jupiter.api.Test;

/** Each device that can't be used says why, in a line. */
class OpenClDiscoveryTest {
  private static final List<String> NOWHERE = List.of("libnowhere.so.1");

  @Test
  void withoutALoaderThereIsOneEntryThatSaysSo() {
    BackendProvider provider = new OpenClBackendProvider(NOWHERE, KernelSources.packed());
    String reason = "libnowhere.so.1 was not found: no OpenCL loader is installed";
    assertThat(provider.devices())
        .containsExactly(new DeviceDescription(0, "OpenCL device", false, false, reason));
    assertThatThrownBy(() -> provider.open(0, 1))
        .isInstanceOf(BackendUnavailableException.class)
        .hasMessage(reason);
  }

  @Test
  void everyDeviceHasItsReason() {
    List<DeviceDescription> devices =
        OpenClBackendProvider.descriptions(
            List.of(
                Facts.GOOD,
                Facts.with("gpu", false),
                Facts.with("available", false),
                Facts.with("version", "OpenCL 1.1 old"),
                Facts.with("version", "nonsense"),
                Facts.with("compiler", false),
                Facts.with("floatConfig", CL.CL_FP_FMA),
                Facts.with("littleEndian", false),
                Facts.with("addressBits", 32),
                Facts.with("workGroupSize", 63),
                Facts.with("localBytes", 1 << 10)));
    assertThat(devices)
        .extracting(DeviceDescription::reason)
        .containsExactly(
            "GPU, Maker, 20 compute units, 3.0 GiB",
            "not a GPU, Maker, 20 compute units, 3.0 GiB",
            "its driver says that it is not available",
            "it offers OpenCL 1.1 old, which is older than OpenCL 1.2",
            "it offers nonsense, which is older than OpenCL 1.2",
            "its driver has no compiler",
            "it flushes subnormal float32 numbers to zero, which changes scores",
            "it is big-endian",
            "it has addresses of 32 bits, not 64",
            "its work-groups have at most 63 work-items, not 64",
            "its work-groups have 1024 bytes of local memory, not 16384");
    assertThat(devices)
        .extracting(DeviceDescription::index)
        .containsExactly(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10);
    assertThat(devices).filteredOn(DeviceDescription::usable).hasSize(2);
    assertThat(devices)
        .filteredOn(DeviceDescription::preferred)
        .containsExactly(devices.getFirst());
  }

  @Test
  void versionsAreNumbers() {
    assertThat(Facts.with("version", "OpenCL 1.10 x").problem()).isEmpty();
    assertThat(Facts.with("version", "OpenCL 3.0").problem()).isEmpty();
    assertThat(Facts.with("version", "OpenCL 1.2").problem()).isEmpty();
  }

  @Test
  void smallGroupsWillDo() {
    assertThat(Facts.with("workGroupSize", 64).problem()).isEmpty();
  }

  @Test
  void aKernelHasToFindRoom() {
    DeviceFacts facts = Facts.GOOD;
    assertThat(facts.problem(256, 256, 32 << 10)).isEmpty();
    assertThat(facts.problem(256, 192, 0))
        .contains("runs in groups of at most 192 work-items, not 256");
    assertThat(facts.problem(64, 64, (32 << 10) + 1))
        .contains("needs 32769 bytes of local memory, a group has 32768");
  }

  @Test
  void theProviderIsFound() {
    assertThat(Backends.providers())
        .filteredOn(provider -> provider.name().equals("opencl"))
        .singleElement()
        .isInstanceOf(OpenClBackendProvider.class);
  }

  @Test
  void includesAreReplacedByTheirFiles() {
    KernelSources sources =
        file ->
            switch (file) {
              case "a.cl" -> "one\n#include \"b.cl\"\nthree\n";
              case "b.cl" -> "two $1\n";
              default -> throw new IllegalArgumentException(file);
            };
    assertThat(sources.program("a.cl")).isEqualTo("one\ntwo $1\n\nthree\n");
    assertThatThrownBy(() -> KernelSources.packed().read("missing.cl"))
        .hasMessage("no kernel file is called missing.cl");
  }
}
